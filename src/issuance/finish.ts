import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { IssuedCertificate } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { publicHalf } from '../placement/key-match.ts';
import { FILES, type FileAccess, Place } from '../placement/place.ts';
import { holderFiles } from './files.ts';

/** True when a killed run's work was completed: its staged key belongs to the holder's current certificate. */
export async function finishLeftovers(
  keystore: Keystore,
  place: Place,
  current: IssuedCertificate | undefined,
  now: Date,
): Promise<boolean> {
  const leftovers = await place.leftovers();
  if (leftovers.length === 0) return false;
  let finished = false;
  if (current !== undefined && current.revoked === undefined) {
    const files = await holderFiles(keystore, current, now);
    const staged = leftovers.find(
      (leftover) => leftover.final === FILES.key && publicHalf(place.readLeftover(leftover)) === files.publicKey,
    );
    if (staged !== undefined || publicHalf(place.read(FILES.key)) === files.publicKey) {
      await place.finish(files, staged?.name);
      finished = true;
    }
  }
  for (const leftover of leftovers) await place.removeLeftover(leftover);
  return finished;
}

/** Whether killed runs left anything below an `--out` directory. */
export async function hasLeftovers(out: string | undefined, access: FileAccess): Promise<boolean> {
  if (out !== undefined) for await (const _ of unfinished(out, access)) return true;
  return false;
}

/** Finishes what killed runs left anywhere below an `--out` directory, whoever it belongs to. */
export async function finishBelow(writer: KeystoreWriter, out: string, access: FileAccess): Promise<void> {
  const { keystore } = writer;
  for await (const { place, name, inner } of unfinished(out, access)) {
    const current = await keystore.query((index) =>
      name === 'clients' ? index.current('client', inner, '') : index.current('node', name, inner),
    );
    await finishLeftovers(keystore, place, current, writer.options.now());
  }
}

async function* unfinished(
  out: string,
  access: FileAccess,
): AsyncGenerator<{ place: Place; name: string; inner: string }> {
  for (const name of await subdirectories(out))
    for (const inner of await subdirectories(join(out, name))) {
      const place = new Place(join(out, name, inner), access);
      if ((await place.leftovers()).length > 0) yield { place, name, inner };
    }
}

async function subdirectories(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}
