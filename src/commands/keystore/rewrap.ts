import { backupsMade, type MadeBackup } from '../../backup/made.ts';
import { type Context, openKeystoreToWrite } from '../../context.ts';
import { ClusterCaError, isClusterCaError } from '../../errors.ts';
import { slotObject } from '../../inspecting/keystore-document.ts';
import { renderSlots } from '../../keeping/render.ts';
import { type DomainPlan, planDomain, rewrap } from '../../keeping/rewrap.ts';
import type { Secret } from '../../keystore/envelope/slot.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import type { SlotRef } from '../../keystore/log/bodies.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import { unlock } from '../../keystore/unlock.ts';
import { KeystoreWriter } from '../../keystore/writer.ts';
import { isGiven } from '../../secrets/inputs.ts';
import { resolveSecrets } from '../../secrets/resolve.ts';
import {
  askedFor,
  ordinaryInputs,
  requireClock,
  rootInputs,
  secretContext,
  type UnlockOptions,
} from '../../unlocking.ts';

interface RewrapOptions extends UnlockOptions {
  dryRun?: boolean;
}

/** New master keys, and every private key sealed anew: what makes a copied slot or an old secret worthless from here on. */
export async function runRewrap(ctx: Context, options: RewrapOptions): Promise<void> {
  const keystore = await openKeystoreToWrite(ctx, { rootKeystore: options.rootKeystore });
  await requireClock(ctx, keystore);
  const secrets: Secret[] = [];
  const plans: DomainPlan[] = [];
  try {
    await planAll(ctx, keystore, options, secrets, plans);
    const kept = plans.flatMap((plan) => plan.kept.map(({ slot }) => slot));
    const dropped = plans.flatMap((plan) => plan.dropped);
    const backups = await backupsMade(keystore);
    const names = plans.map(({ domain }) => domain.domain);
    const common = { dropped: dropped.map(slotObject), backups };
    if (options.dryRun) {
      const domains = plans.map(({ domain }) => ({ domain: domain.domain, epoch: domain.epoch }));
      return ctx.ui.result(
        { domains, slots: kept.map(slotObject), ...common, dryRun: true },
        (style) =>
          `would make new master keys (${names.join(', ')})\n${renderSlots(kept.map(slotObject), style)}${after(dropped, backups)}`,
      );
    }
    await ctx.ui.confirmByName(question(names, dropped), keystore.state.cluster, ctx.globals.confirm);
    const writer = await KeystoreWriter.open(keystore, (plans[0] as DomainPlan).domain, {
      now: ctx.now,
      acceptClock: ctx.globals.acceptClock ?? false,
      warn: (message) => ctx.ui.warn(message),
    });
    const domains = await writer.inTurn(ctx.globals.wait, () => rewrap(writer, plans, newRequestId()));
    const slots = keystore.state.slots.map(slotObject);
    ctx.ui.result(
      { domains, slots, ...common },
      (style) =>
        `made new master keys (${names.join(', ')}); every private key is sealed under them\n${renderSlots(slots, style)}${after(dropped, backups)}\nnext: cluster-ca keystore backup --out FILE; start cluster-ca serve again where it runs`,
    );
  } finally {
    for (const { domain } of plans) domain.close();
    for (const { bytes } of secrets) bytes.fill(0);
  }
}

/** The daily domain, and the root domain where it is at hand and a secret opens it. */
async function planAll(
  ctx: Context,
  keystore: Keystore,
  options: RewrapOptions,
  secrets: Secret[],
  plans: DomainPlan[],
): Promise<void> {
  const ordinary = await resolveSecrets(ordinaryInputs(options), secretContext(ctx), askedFor(keystore, 'daily'));
  secrets.push(...ordinary);
  const daily = await unlock(keystore, 'daily', ordinary);
  plans.push({ domain: daily, kept: [], dropped: [] });
  plans[0] = await planDomain(keystore, daily, ordinary);
  const own = isGiven(rootInputs(options))
    ? await resolveSecrets(rootInputs(options), secretContext(ctx), askedFor(keystore, 'root'))
    : [];
  secrets.push(...own);
  try {
    const root = await unlock(keystore, 'root', [...own, ...ordinary]);
    plans.push({ domain: root, kept: [], dropped: [] });
    plans[1] = await planDomain(keystore, root, [...own, ...ordinary]);
  } catch (error) {
    if (own.length > 0 || !isClusterCaError(error, 'ERR_PASSPHRASE', 'ERR_INPUT_REQUIRED')) throw error;
    ctx.ui.warn(
      keystore.identity.rootElsewhere && keystore.options.rootStore === undefined
        ? 'the root domain is kept elsewhere and keeps its master key: give --root-keystore DIR'
        : 'the root domain keeps its master key: what opens it was not given (--root-passphrase-file)',
    );
  }
  const empty = plans.find(({ kept }) => kept.length === 0);
  if (empty !== undefined)
    throw new ClusterCaError('ERR_STATE', `nothing that was given opens the ${empty.domain.domain} domain any more`);
}

const nameOf = ({ name, domain, kind }: SlotRef): string => `${name} (${domain}, ${kind.replace('-', ' ')})`;

function question(domains: readonly string[], dropped: readonly SlotRef[]): string {
  const lost =
    dropped.length === 0
      ? ''
      : `; these slots fall away, because what opens them was not given: ${dropped.map(nameOf).join(', ')}`;
  return `New master keys of ${domains.join(' and ')}${lost}`;
}

/** What else there is to know: slots that are gone, and where the old keys still are. */
function after(dropped: readonly SlotRef[], backups: readonly MadeBackup[]): string {
  const lines = dropped.map((slot) => `falls away: ${nameOf(slot)}`);
  if (backups.length > 0)
    lines.push(
      'these backups hold the same private keys, for whoever has what opened them:',
      ...backups.map(({ id, createdAt }) => `  ${createdAt}  ${id}`),
    );
  return lines.map((line) => `\n${line}`).join('');
}
