import { type Context, openKeystore } from '../../context.ts';
import { inventoryItems } from '../../inventory/items.ts';
import { readInventory } from '../../inventory/read.ts';
import { type Break, simulate } from '../../rollover/planning/simulate.ts';
import { judge } from '../../rollover/planning/situation.ts';
import { boardOf, situationByLog } from '../../rollover/running/board.ts';
import { paragraph } from '../../ui/text/lines.ts';
import type { Style } from '../../ui/text/style.ts';
import { inventoryPath } from '../deploy.ts';

/** Tries every pair of services in every phase to come, and on the way between: what would break. Asks nobody. */
export async function runRolloverPlan(ctx: Context, options: { inventory?: string }): Promise<void> {
  const path = inventoryPath(ctx, options.inventory);
  const keystore = await openKeystore(ctx);
  const inventory = readInventory(path);
  inventoryItems(inventory, keystore.state);
  const situation = await situationByLog(keystore, inventory, ctx.now());
  const judged = judge(situation);
  const breaks = simulate(judged);
  const unknown = judged.standings
    .filter(({ subject, provenBy }) => provenBy === undefined && subject.atLeast === 'declared')
    .map(({ subject }) => subject.name);
  const document = { ...boardOf(keystore, situation), breaks, toConfirm: [...new Set(unknown)] };
  const pairs = judged.standings.length;
  ctx.ui.result(document, (style) => render(document, pairs, style));
}

function render(
  { breaks, toConfirm, phase }: { breaks: Break[]; toConfirm: string[]; phase: string },
  tried: number,
  style: Style,
): string {
  const lines = [`from ${phase} on, ${tried} services in their roles, every pair in every phase and between:`];
  if (breaks.length === 0) lines.push(style.good('nothing would break, as long as every guard holds'));
  for (const { when, why } of breaks) lines.push(...paragraph(`${when}: ${why}`, style, 2, style.bad));
  if (toConfirm.length > 0)
    lines.push(
      ...paragraph(`cannot be asked, and block until confirmed: ${toConfirm.join(', ')}`, style, 0, style.warn),
      ...paragraph('hint: cluster-ca rollover confirm NAME, once it has its files', style, 2, style.accent),
    );
  return lines.join('\n');
}
