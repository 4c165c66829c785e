import { lstat, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { randomBytes, sha256Hex } from '../crypto/hash.ts';
import { ClusterCaError } from '../errors.ts';
import type { GeneratedKey } from '../pki/key.ts';
import type { Signer } from '../pki/signer.ts';
import { DirectoryStore } from './directory/directory-store.ts';
import { syncDirectory, writeNew } from './directory/durable.ts';
import { errno, storageError } from './directory/errors.ts';
import { layout } from './directory/layout.ts';
import { isAlive } from './directory/process-alive.ts';
import { sealedName, sealKey } from './envelope/sealed-key.ts';
import { makeSlot, type Secret } from './envelope/slot.ts';
import { encodeIdentity, type Identity } from './identity.ts';
import type { Bodies, Domain, SealedKeyRef, SlotRef } from './log/bodies.ts';
import { encodeRecord, type LogRecord } from './log/record.ts';

const DAY = 86_400_000;

/** Refuses a place that is taken: an empty directory is fine. @throws ERR_EXISTS */
export async function checkPlaceIsFree(location: string): Promise<void> {
  let names: string[];
  try {
    const status = await stat(location);
    if (!status.isDirectory()) throw new ClusterCaError('ERR_EXISTS', `${location} is there and is not a directory`);
    names = await readdir(location);
  } catch (error) {
    if (errno(error) === 'ENOENT') return;
    if (error instanceof ClusterCaError) throw error;
    throw storageError(error, 'read', location);
  }
  if (names.includes('KEYSTORE'))
    throw new ClusterCaError('ERR_EXISTS', `there is a keystore at ${location} already`, {
      hint: `cluster-ca inspect ${location}/ shows it; name another place with --keystore DIR`,
    });
  if (names.length > 0)
    throw new ClusterCaError('ERR_EXISTS', `${location} is not empty`, {
      hint: 'name another place with --keystore DIR',
    });
}

/** One directory being built beside its final place, so that a killed init or restore leaves nothing in the way. */
export class Building {
  readonly store: DirectoryStore;
  readonly #temporary: string;
  readonly #location: string;

  private constructor(location: string, temporary: string, groupRead: boolean) {
    this.#location = location;
    this.#temporary = temporary;
    this.store = new DirectoryStore(temporary, { groupRead });
  }

  static async begin(location: string, groupRead: boolean, families?: readonly string[]): Promise<Building> {
    const parent = dirname(location);
    const prefix = `.cluster-ca.${basename(location)}.`;
    const temporary = join(parent, `${prefix}${hostname()}.${process.pid}.${Math.round(performance.timeOrigin)}`);
    try {
      await mkdir(parent, { recursive: true, mode: 0o700 });
      await sweep(parent, prefix);
      await mkdir(temporary, { mode: 0o700 });
    } catch (error) {
      throw storageError(error, 'make', temporary);
    }
    await DirectoryStore.layOut(temporary, {
      groupRead,
      ...(families === undefined ? {} : { families: [...families, 'tmp'] }),
    });
    return new Building(location, temporary, groupRead);
  }

  async writeIdentity(bytes: Uint8Array, groupRead: boolean): Promise<void> {
    const path = layout.identity(this.#temporary);
    await writeNew(path, bytes, groupRead ? 0o640 : 0o600).catch((error: unknown) => {
      throw storageError(error, 'write', path);
    });
  }

  /** Moves it onto its place, durably. @throws ERR_EXISTS when somebody was faster */
  async finish(groupRead: boolean): Promise<void> {
    try {
      const handle = await open(this.#temporary, 'r');
      await handle.chmod(groupRead ? 0o750 : 0o700);
      await handle.sync();
      await handle.close();
      await rename(this.#temporary, this.#location);
      await syncDirectory(dirname(this.#location));
    } catch (error) {
      const code = errno(error);
      if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR')
        throw new ClusterCaError('ERR_EXISTS', `${this.#location} is there already`, { cause: error });
      throw storageError(error, 'make', this.#location);
    }
  }

  async abandon(): Promise<void> {
    await rm(this.#temporary, { recursive: true, force: true }).catch(() => {});
  }
}

export interface CreateOptions {
  location: string;
  /** Where the root domain's slots and sealed keys go, when not into the keystore. */
  rootLocation: string | undefined;
  groupRead: boolean;
  now: Date;
  actor: string;
  requestId: string;
  /** What opens each domain: one slot for each secret. */
  secrets: Record<Domain, { name: string; secret: Secret }[]>;
  auditKey: GeneratedKey;
  auditSigner: Signer;
  /** The keys to be sealed, by the authority's id, and their domains. */
  keys: { id: string; domain: Domain; key: GeneratedKey }[];
  /** The body of record 0, once the keys are sealed and the slots made. */
  body: (sealed: Map<string, SealedKeyRef>, audit: SealedKeyRef, slots: SlotRef[]) => Bodies['init'];
  /** The first CRLs and their hashes. */
  objects: { sha256: string; der: Uint8Array }[];
}

/**
 * Builds a keystore beside its place and renames it there. Either it is there whole afterwards, or not at all.
 * @throws ERR_EXISTS, ERR_STORAGE
 */
export async function createKeystore(options: CreateOptions): Promise<Identity> {
  const { location, rootLocation, groupRead } = options;
  await checkPlaceIsFree(location);
  if (rootLocation !== undefined) await checkPlaceIsFree(rootLocation);
  const identity: Identity = {
    type: 'cluster-ca keystore',
    format: 1,
    id: Buffer.from(randomBytes(16)).toString('hex'),
    auditKey: Buffer.from(options.auditKey.spki).toString('base64'),
    groupRead,
    rootElsewhere: rootLocation !== undefined,
  };
  const main = await Building.begin(location, groupRead);
  let root: Building | undefined;
  try {
    root = rootLocation === undefined ? undefined : await Building.begin(rootLocation, false, ['slots', 'sealed']);
    await fill(options, identity, main, root);
    await root?.finish(false);
    await main.finish(groupRead);
  } catch (error) {
    await main.abandon();
    await root?.abandon();
    throw error;
  }
  return identity;
}

async function fill(
  options: CreateOptions,
  identity: Identity,
  main: Building,
  root: Building | undefined,
): Promise<void> {
  const identityBytes = encodeIdentity(identity);
  await main.store.checkWritable();
  await main.writeIdentity(identityBytes, identity.groupRead);
  await root?.writeIdentity(identityBytes, false);
  const slots: SlotRef[] = [];
  const masters: Record<Domain, Uint8Array> = { daily: randomBytes(32), root: randomBytes(32) };
  const storeOf = (domain: Domain) => (domain === 'root' && root !== undefined ? root : main).store;
  try {
    for (const domain of ['daily', 'root'] as const)
      for (const { name, secret } of options.secrets[domain]) {
        const slot = await makeSlot(identity.id, name, domain, secret, masters[domain], 1, options.now);
        await storeOf(domain).createBlob('slots', slot.ref.id, slot.bytes);
        slots.push(slot.ref);
      }
    const sealed = new Map<string, SealedKeyRef>();
    const wrap = async (domain: Domain, key: GeneratedKey): Promise<SealedKeyRef> => {
      const { ref, bytes } = sealKey(identity.id, domain, masters[domain], 1, key);
      await storeOf(domain).createBlob('sealed', sealedName(ref), bytes);
      return ref;
    };
    for (const { id, domain, key } of options.keys) sealed.set(id, await wrap(domain, key));
    const audit = await wrap('daily', options.auditKey);
    for (const { sha256, der } of options.objects) await main.store.putObject(sha256, der);
    const entry: LogRecord = {
      v: 1,
      seq: 0,
      prev: sha256Hex(identityBytes),
      time: options.now.toISOString(),
      epoch: 0,
      actor: options.actor,
      op: 'init',
      requestId: options.requestId,
      body: options.body(sealed, audit, slots),
    };
    await main.store.append(0, await encodeRecord(identity.id, entry, options.auditSigner));
  } finally {
    masters.daily.fill(0);
    masters.root.fill(0);
  }
}

/** Removes what killed inits left beside the place: of this host when their process is gone, of any when a day old. */
async function sweep(parent: string, prefix: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(prefix)) continue;
    const path = join(parent, name);
    const match = /^(.*)\.(\d+)\.\d+$/.exec(name.slice(prefix.length));
    const gone = match !== null && match[1] === hostname() && !isAlive(Number(match[2]));
    const age = await lstat(path).then(
      (status) => Date.now() - status.mtimeMs,
      () => 0,
    );
    if (gone || age > DAY) await rm(path, { recursive: true, force: true });
  }
}
