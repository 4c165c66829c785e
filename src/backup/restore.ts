import { ClusterCaError } from '../errors.ts';
import { type Anchor, damagedAnchor, findAnchor, writeAnchor } from '../keystore/anchor.ts';
import { Building, finishBoth } from '../keystore/creation/building.ts';
import { sweepPlaces } from '../keystore/creation/leftovers.ts';
import { checkPlaceIsFree, checkPlacesAreApart } from '../keystore/creation/place.ts';
import { isRootDomain, isSameRoot } from '../keystore/creation/root-domain.ts';
import type { Secret } from '../keystore/envelope/slot.ts';
import { decodeIdentity } from '../keystore/identity.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { rolledBack } from '../keystore/load.ts';
import { recordHash } from '../keystore/log/record.ts';
import { writePublic } from '../keystore/public.ts';
import type { InputFile } from '../verification/read-sources.ts';
import { type DroppedRevocation, droppedRevocations } from './dropped.ts';
import { openBackup } from './file.ts';
import { proveRestored } from './prove.ts';
import { trialRestore } from './trial.ts';
import { unpack } from './unpack.ts';

/** Revocations that a message names. */
const SHOWN = 3;

export interface RestorePlan {
  path: string;
  secrets: readonly Secret[];
  location: string;
  /** Where the root domain's files go, when the backup has them apart. */
  rootLocation: string | undefined;
  /** Where anchors are kept; undefined: nowhere. */
  anchors: string | undefined;
  now: Date;
  onProgress: (text: string) => void;
  /** CRLs that were handed out: what they have and the backup has not would be lost. */
  crls: readonly InputFile[];
  /** Asked when something that this user's anchor has seen, or that a CRL has, would be lost; throws to stop. */
  onLoss: (loss: Loss) => Promise<void>;
}

/** What a restore would lose. */
export interface Loss {
  cluster: string;
  /** The last record of the backup. */
  restored: number;
  /** The last one that was seen, where the backup does not have it. */
  seen: Anchor | undefined;
  /** Where this user's anchor is damaged: what was seen cannot be told. */
  untold?: string | undefined;
  /** By the CRLs that were given. */
  dropped: DroppedRevocation[];
}

export interface Restored {
  cluster: string;
  keystoreId: string;
  head: Anchor;
  /** Whether the backup has the files of a root domain that is kept elsewhere. */
  rootElsewhere: 'none' | 'in the backup' | 'not in the backup';
  loss: Loss | undefined;
  /** False when there is no anchor here: what the backup misses could not be told. */
  anchored: boolean;
  warning?: string | undefined;
}

/**
 * Restores a backup: built beside its place, checked whole, then renamed there.
 * @throws ERR_EXISTS, ERR_PASSPHRASE, ERR_CONFIG, ERR_KEYSTORE_TAMPERED, ERR_STORAGE, and what `onLoss` throws
 */
export async function restoreBackup(plan: RestorePlan): Promise<Restored> {
  const { path, location, rootLocation, now, onProgress } = plan;
  await checkPlaces(plan);
  await sweepPlaces(location, rootLocation);
  const backup = await openBackup(path, plan.secrets);
  const entries = backup.entries[Symbol.asyncIterator]();
  let main: Building | undefined;
  let root: Building | undefined;
  try {
    // The first file says whether the group may read the others.
    const first = await entries.next();
    const { groupRead } = decodeIdentity(first.done ? new Uint8Array(0) : first.value.bytes);
    main = await Building.begin(location, groupRead);
    if (rootLocation !== undefined) root = await Building.begin(rootLocation, false, ['slots', 'sealed']);
    const all = prepend(first.done ? [] : [first.value], entries);
    const places = { main: main.store.location, root: root?.store.location, groupRead, durable: true };
    const { rootElsewhere } = await unpack(all, places, (n) => onProgress(`${n} files restored`));
    if (root !== undefined && !rootElsewhere)
      throw new ClusterCaError('ERR_USAGE', `${path} has no root domain that was kept elsewhere`, {
        hint: 'leave --root-keystore out',
      });
    const keystore = await proveRestored({ main: places.main, root: places.root, now, onProgress });
    const { loss, anchored } = await lossOf(keystore, plan);
    if (loss !== undefined) await plan.onLoss(loss);
    await writePublic(keystore, now);
    if (root !== undefined && isSameRoot(root.store.location, root.location)) {
      await root.abandon();
      root = undefined;
    }
    if (root !== undefined) await checkPlaceIsFree(root.location);
    await finishBoth(main, root, groupRead);
    const { identity, state } = keystore;
    const head = { seq: state.seq, head: state.head };
    const warning = await writeAnchor(plan.anchors, identity.id, head, { reset: loss !== undefined });
    return { ...describe(keystore, rootElsewhere), loss, anchored, warning };
  } catch (error) {
    await main?.abandon();
    await root?.abandon();
    throw error;
  } finally {
    await backup.close();
  }
}

/** A root domain that stands at its place already may be the backup's own: it is compared once that is unpacked. */
async function checkPlaces({ location, rootLocation }: RestorePlan): Promise<void> {
  await checkPlaceIsFree(location);
  if (rootLocation !== undefined) checkPlacesAreApart(location, rootLocation);
  if (rootLocation !== undefined && !isRootDomain(rootLocation)) await checkPlaceIsFree(rootLocation);
}

/** The same without writing anything that stays. */
export async function rehearseRestore(plan: RestorePlan): Promise<Restored> {
  await checkPlaces(plan);
  return trialRestore(plan.path, plan, async (keystore, { rootElsewhere }) => {
    const { loss, anchored } = await lossOf(keystore, plan);
    if (loss !== undefined) await plan.onLoss(loss);
    return { ...describe(keystore, rootElsewhere), loss, anchored };
  });
}

/** The refusal of a restore that would lose what was seen. */
export function lossError({ restored, seen, untold, dropped }: Loss): ClusterCaError {
  const reasons = [
    ...(seen === undefined
      ? []
      : seen.seq > restored
        ? [`the backup ends at record ${restored}, but this user's anchor has seen record ${seen.seq}`]
        : [`log record ${seen.seq} of the backup is not the one that this user's anchor has seen`]),
    ...(untold === undefined ? [] : [untold]),
    ...(dropped.length === 0 ? [] : [`the backup lacks ${droppedText(dropped)}`]),
  ];
  const { message, code } = rolledBack(reasons.join('; '));
  return new ClusterCaError(code, message, {
    hint: `restore a newer backup; ${dropped.length === 0 ? '--crl FILE, with the newest CRL that a server has, tells which revocations this one lacks; ' : ''}where that is all there is: --accept-loss`,
    details: {
      restored,
      ...(seen === undefined ? {} : { seen: seen.seq }),
      ...(dropped.length === 0 ? {} : { dropped }),
    },
  });
}

/** How many revocations would be lost, and the first of them. */
export function droppedText(dropped: readonly DroppedRevocation[]): string {
  const named = dropped
    .slice(0, SHOWN)
    .map(({ serial, node }) => (node === undefined ? serial : `${serial} of ${node}`));
  const more = dropped.length - named.length;
  const count = dropped.length === 1 ? 'a revocation' : `${dropped.length} revocations`;
  return `${count} that the CRL has: ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

async function lossOf(keystore: Keystore, plan: RestorePlan): Promise<{ loss: Loss | undefined; anchored: boolean }> {
  const { identity, state } = keystore;
  const found = await findAnchor(plan.anchors, identity.id);
  const seen = found.state === 'seen' ? found.anchor : undefined;
  const record = seen && (await keystore.store.readRecord(seen.seq));
  const isThere = seen === undefined || (record !== undefined && recordHash(record) === seen.head);
  const untold = found.state === 'damaged' ? damagedAnchor(found).message : undefined;
  const dropped = await droppedRevocations(keystore, plan.crls);
  const anchored = seen !== undefined;
  if (isThere && untold === undefined && dropped.length === 0) return { loss: undefined, anchored };
  const lost = isThere ? undefined : seen;
  return { loss: { cluster: state.cluster, restored: state.seq, seen: lost, untold, dropped }, anchored };
}

function describe({ identity, state }: Keystore, rootInBackup: boolean) {
  return {
    cluster: state.cluster,
    keystoreId: identity.id,
    head: { seq: state.seq, head: state.head },
    rootElsewhere: !identity.rootElsewhere
      ? ('none' as const)
      : rootInBackup
        ? ('in the backup' as const)
        : ('not in the backup' as const),
  };
}

async function* prepend<T>(first: T[], rest: AsyncIterator<T>): AsyncGenerator<T> {
  yield* first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}
