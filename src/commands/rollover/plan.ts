import { type Context, openKeystore } from '../../context.ts';
import { inventoryItems } from '../../inventory/items.ts';
import { readInventory } from '../../inventory/read.ts';
import { type Absent, absentServices } from '../../rollover/evidence/absent.ts';
import { servicesOf, situationByLog } from '../../rollover/evidence/by-log.ts';
import type { Standing } from '../../rollover/planning/proof.ts';
import { type Break, simulate } from '../../rollover/planning/simulate.ts';
import { judge } from '../../rollover/planning/situation.ts';
import { boardOf } from '../../rollover/running/board.ts';
import { paragraph } from '../../ui/text/lines.ts';
import type { Style } from '../../ui/text/style.ts';
import { inventoryPath } from '../deploy.ts';

/** What `plan` names of those who do not answer; the rest are counted. */
const NAMED = 12;

interface Plan {
  phase: string;
  breaks: Break[];
  /** Who cannot be asked, and blocks until an operator gives his word. */
  toConfirm: string[];
  /** Who does not answer now. */
  down: Absent[];
  /** Of how many services in their roles nothing is proven; and of how many there are. */
  unknown: number;
  roles: number;
}

/**
 * Tries every pair of services in every phase to come, and on the way between: what would break. By the last proofs; of
 * the services it is only asked whether they answer.
 */
export async function runRolloverPlan(ctx: Context, options: { inventory?: string }): Promise<void> {
  const path = inventoryPath(ctx, options.inventory, 'what is to be planned for?');
  const keystore = await openKeystore(ctx);
  const inventory = readInventory(path);
  inventoryItems(inventory, keystore.state);
  const situation = await situationByLog(keystore, inventory, ctx.now());
  const judged = judge(situation);
  const excluded = new Set(situation.rollover.excluded.map(({ kind, name }) => `${kind} ${name}`));
  const gated = (servicesOf(keystore, inventory) ?? []).filter(
    ({ holder }) => !excluded.has(`${holder.kind} ${holder.name}`),
  );
  const silent = judged.standings.filter(({ provenBy }) => provenBy === undefined);
  const isWord = ({ subject }: Standing): boolean => subject.atLeast === 'declared';
  const document = {
    ...boardOf(keystore, situation),
    breaks: simulate(judged),
    toConfirm: [...new Set(silent.filter(isWord).map(({ subject }) => subject.name))],
    down: await absentServices(gated),
    unknown: silent.filter((one) => !isWord(one)).length,
    roles: judged.standings.length,
  };
  ctx.ui.result(document, (style) => render(document, style));
}

function render({ phase, breaks, toConfirm, down, unknown, roles }: Plan, style: Style): string {
  const lines = [`from ${phase} on, ${roles} services in their roles, every pair in every phase and between:`];
  const known = down.length === 0 && unknown === 0;
  if (breaks.length === 0)
    lines.push(
      known
        ? style.good('nothing would break, as long as every guard holds')
        : style.warn('nothing would break by what is known, as long as every guard holds'),
    );
  for (const { when, why } of breaks) lines.push(...paragraph(`${when}: ${why}`, style, 2, style.bad));
  if (down.length > 0) lines.push(...notAnswering(down, style));
  if (unknown > 0)
    lines.push(
      ...paragraph(
        `of ${unknown} services in their roles nothing is proven yet: each is taken for what it should be; the first rollover advance asks them`,
        style,
        0,
        style.warn,
      ),
    );
  if (toConfirm.length > 0)
    lines.push(
      ...paragraph(`cannot be asked, and block until confirmed: ${toConfirm.join(', ')}`, style, 0, style.warn),
      ...paragraph('hint: cluster-ca rollover confirm NAME, once it has its files', style, 2, style.accent),
    );
  return lines.join('\n');
}

function notAnswering(down: readonly Absent[], style: Style): string[] {
  const more = down.length > NAMED ? [`and ${down.length - NAMED} more: --json has them all`] : [];
  return [
    ...paragraph('do not answer now, and block every step until they do:', style, 0, style.bad),
    ...down.slice(0, NAMED).flatMap(({ node, error }) => paragraph(`${node}: ${error}`, style, 2, style.bad)),
    ...more.flatMap((text) => paragraph(text, style, 2)),
    ...paragraph(
      'hint: start them; one that is gone for good is left out: cluster-ca rollover advance --exclude NAME',
      style,
      2,
      style.accent,
    ),
  ];
}
