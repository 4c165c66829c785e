import { readdirSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { readTar } from '../archive/read-tar.ts';
import { tarEntries } from '../archive/tar.ts';
import type { IssuedCertificate } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { publicHalf } from '../placement/key-match.ts';
import { FILES, type FileAccess, holderDirectory, Place } from '../placement/place.ts';
import { isStagedKeys, parseTemporaryName } from '../placement/temporary-name.ts';
import { type Holding, relativeDirectory } from './batch/output.ts';
import { holderFiles } from './files.ts';

/** The private keys in the staged archives that killed runs left beside their destination. */
export class Salvage {
  readonly #paths: string[];
  readonly #keys = new Map<string, { mode: number; content: Uint8Array }>();

  private constructor(paths: string[]) {
    this.#paths = paths;
    const isKey = (name: string): boolean => name.endsWith(`/${FILES.key}`);
    for (const path of paths)
      for (const { path: name, mode, content } of readTar(path, isKey))
        this.#keys.set(name.slice(0, -FILES.key.length - 1), { mode, content });
  }

  /** What runs that are over left in a directory for these final names. */
  static async find(directory: string, isWanted: (final: string) => boolean): Promise<Salvage> {
    const left = readdirSync(directory)
      .map(parseTemporaryName)
      .filter((leftover) => leftover?.gone === true && isWanted(leftover.final));
    return new Salvage(left.map((leftover) => join(directory, leftover?.name ?? '')));
  }

  get isEmpty(): boolean {
    return this.#paths.length === 0;
  }

  /** The holders whose keys were found: `redis-1/data`, `clients/app`. */
  get directories(): string[] {
    return [...this.#keys.keys()];
  }

  /** The key found for a holder, when it is the key of this certificate. */
  async keyFor(
    keystore: Keystore,
    holding: Holding,
    current: IssuedCertificate,
    now: Date,
  ): Promise<{ mode: number; content: Uint8Array } | undefined> {
    const found = this.#keys.get(relativeDirectory(holding));
    if (found === undefined) return undefined;
    return publicHalf(found.content) === (await holderFiles(keystore, current, now)).publicKey ? found : undefined;
  }

  /** The three files of a holder as archive entries, when its key was found. */
  async entriesFor(
    keystore: Keystore,
    holding: Holding,
    current: IssuedCertificate,
    now: Date,
  ): Promise<Uint8Array | undefined> {
    const key = await this.keyFor(keystore, holding, current, now);
    if (key === undefined) return undefined;
    const files = await holderFiles(keystore, current, now);
    const directory = relativeDirectory(holding);
    const text = (content: string): Uint8Array => new TextEncoder().encode(content);
    return tarEntries(
      [
        { path: `${directory}/${FILES.key}`, mode: key.mode, content: key.content },
        { path: `${directory}/${FILES.trustBundle}`, mode: 0o644, content: text(files.trustBundle) },
        { path: `${directory}/${FILES.certificate}`, mode: 0o644, content: text(files.certificate) },
      ],
      Math.floor(now.getTime() / 1000),
    );
  }

  async remove(): Promise<void> {
    for (const path of this.#paths) await unlink(path).catch(() => {});
  }
}

/** Writes the files of what a killed fleet run committed: the staged keys of each batch are in a file in `--out`. */
export async function finishStagedBatch(keystore: Keystore, out: string, access: FileAccess, now: Date): Promise<void> {
  const salvage = await Salvage.find(out, isStagedKeys);
  if (salvage.isEmpty) return;
  for (const directory of salvage.directories) {
    const [first = '', second = ''] = directory.split('/');
    const holding: Holding =
      first === 'clients' ? { kind: 'client', name: second, plane: '' } : { kind: 'node', name: first, plane: second };
    // Whoever may write to `out` may have made the archive: a file goes where its holder's do, or nowhere.
    if (relativeDirectory(holding) !== directory) continue;
    const current = await keystore.query((index) => index.current(holding.kind, holding.name, holding.plane));
    if (current === undefined || current.revoked !== undefined) continue;
    const key = await salvage.keyFor(keystore, holding, current, now);
    if (key === undefined) continue;
    const place = new Place(holderDirectory(out, holding), access);
    if (publicHalf(place.read(FILES.key)) === publicHalf(key.content)) {
      await place.finish(await holderFiles(keystore, current, now), undefined);
      continue;
    }
    await place.open();
    await place.stageKey(new TextDecoder().decode(key.content));
    await place.finish(await holderFiles(keystore, current, now), place.stagedKeyName);
  }
  await salvage.remove();
}
