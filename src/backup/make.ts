import { randomBytes } from '../crypto/hash.ts';
import type { Secret } from '../keystore/envelope/slot.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { recordHash } from '../keystore/log/record.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { toHex } from '../pki/encoding.ts';
import { ResultFile, SECRET_RESULT } from '../placement/result-file.ts';
import { hasRoot, keystoreContent } from './content.ts';
import type { Entry } from './entries.ts';
import { writeBackup } from './file.ts';
import { checkIsNew, placeBackup } from './place.ts';
import { trialRestore } from './trial.ts';

export interface BackupPlan {
  path: string;
  /** What will open the file. */
  secret: Secret;
  /** What opened the daily domain. */
  keystoreSecret: Secret;
  requestId: string;
  now: () => Date;
  onProgress: (text: string) => void;
}

/**
 * Makes a backup. The file holds its own record, signed but not yet in the log: so a restore of it lacks nothing that
 * had been seen before. Only when a trial restore has shown that the file is whole is the record appended, and only
 * then the file gets its name.
 * @throws ERR_EXISTS; ERR_KEYSTORE_TAMPERED when the keystore or the file is damaged; ERR_STORAGE
 */
export async function makeBackup(writer: KeystoreWriter, plan: BackupPlan): Promise<void> {
  const { keystore } = writer;
  const { path, secret, now } = plan;
  const id = toHex(randomBytes(16));
  const about = { id, keystore: keystore.identity.id, cluster: keystore.state.cluster, createdAt: now() };
  let file: ResultFile | undefined;
  try {
    await writer.commit(
      'backup',
      plan.requestId,
      async () => {
        checkIsNew(path);
        return { id, root: hasRoot(keystore) };
      },
      async (record) => {
        await file?.abandon();
        file = await ResultFile.open(path, SECRET_RESULT);
        await writeBackup(file, about, secret, withRecord(keystore, record, plan));
        await file.sync();
        const head = { seq: keystore.state.seq + 1, head: recordHash(record) };
        const secrets = { secrets: [secret], keystoreSecrets: [plan.keystoreSecret] };
        const trial = { ...secrets, head, now: now(), onProgress: plan.onProgress };
        await trialRestore(file.temporary, trial, async () => {});
      },
    );
    if (file !== undefined) await placeBackup(file);
  } catch (error) {
    await (file as ResultFile | undefined)?.abandon();
    throw error;
  }
}

async function* withRecord(keystore: Keystore, record: Uint8Array, plan: BackupPlan): AsyncGenerator<Entry> {
  yield* keystoreContent(keystore, (done, total) => plan.onProgress(`${done} of ${total} records written`));
  yield { name: `log/${keystore.state.seq + 1}`, bytes: record };
}
