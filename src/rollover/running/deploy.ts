import type { Context } from '../../context.ts';
import { sha256Hex } from '../../crypto/hash.ts';
import type { Deployment } from '../../deployment/deployment.ts';
import type { ServiceObject } from '../../deployment/document.ts';
import { finishEarlierRuns } from '../../deployment/earlier-runs.ts';
import { runDeployment } from '../../deployment/run.ts';
import { makeStaging, stagingDirectory } from '../../deployment/staging.ts';
import type { Unit } from '../../deployment/unit.ts';
import { ClusterCaError } from '../../errors.ts';
import { inventoryItems } from '../../inventory/items.ts';
import type { Inventory } from '../../inventory/read.ts';
import type { IssueItem } from '../../issuance/item.ts';
import { committedOf, issueWith } from '../../issuance/run.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import type { KeystoreWriter } from '../../keystore/writer.ts';
import { itemOf } from '../../rotation/select.ts';
import { sideOfAuthority } from '../evidence/sides.ts';
import type { Side } from '../phase.ts';
import { type Holder, holderKey } from '../planning/subject.ts';
import { withHosts } from './board.ts';
import { isKeyGone } from './keys.ts';

/** Where a rollover's files go. */
export interface Reach {
  /** Undefined where there is nothing to deploy to. */
  inventory: Inventory | undefined;
  /** Every unit of the inventory that is given its files from here. */
  units: readonly Unit[];
  /** Nodes at the same time. */
  atOnce: number;
  cycle: boolean;
  warn: (message: string) => void;
}

/** Gives these holders what the phase wants now: the trust bundle, with the CRLs, and their current certificates. */
export async function deployTo(
  ctx: Context,
  writer: KeystoreWriter,
  reach: Reach,
  holders: readonly Holder[],
  { fresh = false, independent = 'trust' }: Pick<Deployment, 'fresh' | 'independent'> = {},
): Promise<ServiceObject[]> {
  const units = unitsFor(reach, holders);
  const { inventory, units: all, atOnce, cycle } = reach;
  if (units.length === 0 || inventory === undefined) return [];
  const from = await makeStaging(stagingDirectory(ctx.env, writer.keystore.identity.id));
  const deployment: Deployment = { inventory, units, all, from, atOnce, cycle, fresh, independent };
  return (await runDeployment(ctx, writer, deployment)).services;
}

/**
 * Issues certificates under the CA of the phase to those of these holders that have none of it, and deploys them. Who has
 * no service in the inventory is left out: there is no place for its key.
 * @param committed is given the serials of what was issued, as soon as it is
 * @throws ERR_STORAGE when keystore or staging fail
 */
export async function replaceCertificates(
  ctx: Context,
  writer: KeystoreWriter,
  reach: Reach,
  holders: readonly Holder[],
  issuer: Side,
  committed: string[],
): Promise<ServiceObject[]> {
  const units = unitsFor(reach, holders);
  // A CA whose key is not ours issues nothing here: its certificates were kept, and are put back.
  if (issuer === 'old' && writer.keystore.state.rollover?.form === 'foreign')
    return deployTo(ctx, writer, reach, holders, { independent: 'certificate' });
  const from = await makeStaging(stagingDirectory(ctx.env, writer.keystore.identity.id));
  // A key that a killed run has staged is not gone: its certificate is not made anew.
  await finishEarlierRuns(ctx, writer, [from]);
  const items = await withHosts((hosts) =>
    itemsFor(writer, reach, units, issuer, (unit) => isKeyGone(writer.keystore, unit, hosts, from, ctx.now())),
  );
  if (items.length > 0) {
    const requestId = newRequestId();
    const issued = await issueWith(ctx, writer, {
      items,
      out: from,
      access: { keyMode: 0o600 },
      requestId,
      requestHash: sha256Hex(new TextEncoder().encode(`rollover ${requestId}`)),
      forceNew: true,
      skipRevoked: true,
      partial: true,
      unlock: {},
      revokePrevious: undefined,
    });
    committed.push(...[...issued.certificates].map(({ serial }) => serial), ...committedOf(issued.failed));
    for (const { node, error } of issued.failed) {
      // Keystore and staging are here: what they fail by will befall everybody, and is what is to be mended.
      if (error.code === 'ERR_STORAGE') throw new ClusterCaError('ERR_STORAGE', error.message, error);
      reach.warn(`${node}: ${error.message}`);
    }
  }
  return deployTo(ctx, writer, reach, holders, { fresh: items.length > 0, independent: 'certificate' });
}

async function itemsFor(
  { keystore }: KeystoreWriter,
  { inventory }: Reach,
  units: readonly Unit[],
  issuer: Side,
  isGone: (unit: Unit) => Promise<boolean>,
): Promise<IssueItem[]> {
  const wanted = inventory === undefined ? [] : inventoryItems(inventory, keystore.state);
  const items = new Map<string, IssueItem>();
  for (const unit of units) {
    const { holder, plane } = unit;
    const { kind, name } = holder;
    const row = await keystore.query((index) => index.current(kind, name, plane));
    if (row?.revoked !== undefined) continue;
    const isOfIt = row !== undefined && sideOfAuthority(keystore.state, row.authority) === issuer;
    if (isOfIt && !(await isGone(unit))) continue;
    const item = wanted.find((one) => one.kind === kind && one.name === name && one.plane === plane);
    const taken = item ?? (row && (await itemOf(keystore, row)));
    if (taken !== undefined) items.set(`${kind} ${name} ${plane}`, taken);
  }
  return [...items.values()];
}

function unitsFor({ units }: Reach, holders: readonly Holder[]): Unit[] {
  const wanted = new Set(holders.map(holderKey));
  return units.filter(({ holder }) => wanted.has(holderKey(holder)));
}
