import { mkdir, open, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { tampered } from '../keystore/canonical.ts';
import { syncDirectory } from '../keystore/directory/durable.ts';
import { errno, storageError } from '../keystore/directory/errors.ts';
import { layout, PRIVATE } from '../keystore/directory/layout.ts';
import type { Entry } from './entries.ts';

export interface UnpackPlaces {
  /** A directory that was laid out for a keystore. */
  main: string;
  /** Where the root domain's files go that were elsewhere; undefined: nowhere. */
  root: string | undefined;
  groupRead: boolean;
  /** fsync everything; not for a trial. */
  durable: boolean;
}

export interface Unpacked {
  identity: Uint8Array;
  files: number;
  /** Whether the backup has the files of a root domain that is kept elsewhere. */
  rootElsewhere: boolean;
}

/**
 * Writes the files of a backup into new directories.
 * @throws ERR_KEYSTORE_TAMPERED, ERR_STORAGE
 */
export async function unpack(
  entries: AsyncIterable<Entry>,
  places: UnpackPlaces,
  onFile: (files: number) => void,
): Promise<Unpacked> {
  let identity: Uint8Array | undefined;
  let files = 0;
  let rootElsewhere = false;
  for await (const { name, bytes } of entries) {
    if (name === 'KEYSTORE') identity = bytes;
    const elsewhere = name.startsWith('root/');
    rootElsewhere ||= elsewhere;
    const inside = elsewhere ? name.slice('root/'.length) : name;
    const place = elsewhere ? places.root : places.main;
    if (place !== undefined) await put(place, inside, bytes, places);
    onFile(++files);
  }
  if (identity === undefined) throw tampered('the backup has no KEYSTORE file');
  if (rootElsewhere && places.root !== undefined) await put(places.root, 'KEYSTORE', identity, places);
  if (places.durable) for (const place of [places.main, places.root]) if (place !== undefined) await syncTree(place);
  return { identity, files, rootElsewhere };
}

async function put(place: string, name: string, bytes: Uint8Array, places: UnpackPlaces): Promise<void> {
  const [family = '', rest = ''] = name.split('/');
  const path = family === 'log' ? layout.record(place, Number(rest)) : join(place, name);
  const shared = places.groupRead && place === places.main && !PRIVATE.has(family);
  try {
    if (family === 'log') await mkdir(dirname(path), { recursive: true, mode: shared ? 0o750 : 0o700 });
    const handle = await open(path, 'wx', 0o600);
    try {
      await handle.chmod(shared ? 0o640 : 0o600);
      await handle.writeFile(bytes);
      if (places.durable) await handle.datasync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errno(error) === 'EEXIST') throw tampered(`the backup holds ${name} twice`);
    throw storageError(error, 'write', path);
  }
}

/** Makes every name in a tree durable. @throws ERR_STORAGE */
async function syncTree(path: string): Promise<void> {
  try {
    for (const entry of await readdir(path, { withFileTypes: true }))
      if (entry.isDirectory()) await syncTree(join(path, entry.name));
    await syncDirectory(path);
  } catch (error) {
    throw storageError(error, 'sync', path);
  }
}
