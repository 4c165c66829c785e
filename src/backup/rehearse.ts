import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from '../crypto/hash.ts';
import type { Secret } from '../keystore/envelope/slot.ts';
import { recordHash } from '../keystore/log/record.ts';
import type { UnlockedDomain } from '../keystore/unlock.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { ResultFile, SECRET_RESULT } from '../placement/result-file.ts';
import { keystoreContent, type NamedFiles } from './content.ts';
import type { Entry } from './entries.ts';
import { writeBackup } from './file.ts';
import { checkIsNew } from './place.ts';
import { temporaryDirectory, trialRestore } from './trial.ts';

export interface Rehearsal {
  /** The backup's id. */
  id: string;
  /** Where it is kept, and what opens it; undefined: it is removed again. */
  keep: { path: string; secret: Secret } | undefined;
  /** What the files are named by once the record is there. */
  named: NamedFiles;
  /** The record that is about to be appended. */
  record: Uint8Array;
  /** Whose keys must open in what was restored. */
  domains: readonly UnlockedDomain[];
  now: Date;
  onProgress: (text: string) => void;
}

/**
 * Makes a backup of a keystore with one record more than its log has yet, and restores it once in a temporary directory:
 * log, slots, objects, and that the keys open.
 * @returns the file, still under its temporary name, for the caller to finish when the record is there; undefined where
 *   it was not to be kept
 * @throws ERR_EXISTS, ERR_KEYSTORE_TAMPERED, ERR_STORAGE
 */
export async function rehearseBackup(writer: KeystoreWriter, rehearsal: Rehearsal): Promise<ResultFile | undefined> {
  if (rehearsal.keep !== undefined) return write(writer, rehearsal, rehearsal.keep);
  const directory = await temporaryDirectory();
  const secret: Secret = { kind: 'key-file', bytes: randomBytes(32) };
  try {
    const file = await write(writer, rehearsal, { path: join(directory, 'backup'), secret });
    await file.abandon();
    return undefined;
  } finally {
    secret.bytes.fill(0);
    await rm(directory, { recursive: true, force: true }).catch(() => {});
  }
}

async function write(
  writer: KeystoreWriter,
  { id, record, named, domains, now, onProgress }: Rehearsal,
  { path, secret }: { path: string; secret: Secret },
): Promise<ResultFile> {
  const { keystore } = writer;
  const seq = keystore.state.seq + 1;
  const about = { id, keystore: keystore.identity.id, cluster: keystore.state.cluster, createdAt: now };
  const content = async function* (): AsyncGenerator<Entry> {
    yield* keystoreContent(keystore, (done, total) => onProgress(`${done} of ${total} records written`), named);
    yield { name: `log/${seq}`, bytes: record };
  };
  checkIsNew(path);
  const file = await ResultFile.open(path, SECRET_RESULT);
  try {
    await writeBackup(file, about, secret, content());
    await file.sync();
    const trial = { secrets: [secret], domains, head: { seq, head: recordHash(record) }, now, onProgress };
    await trialRestore(file.temporary, trial, async () => {});
    return file;
  } catch (error) {
    await file.abandon();
    throw error;
  }
}
