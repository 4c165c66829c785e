import { doomed } from '../keystore/log/apply-rollover.ts';
import { domainStore } from '../keystore/unlock.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { backupsHolding, type KeptBackup } from './backups.ts';
import { commitStep } from './step.ts';

/** What became of the keys of a root that never came, or was taken back. */
export interface Abandoned {
  destroyed: string[];
  /** Backups that hold the destroyed keys. */
  backups: KeptBackup[];
}

/**
 * Ends a rollover where it began: from `prepared`, in which nobody has heard of the new root, or from a `rollback` whose
 * root was withdrawn. The new keys are destroyed; those of a root that was there before (a foreign CA's taking over) stay.
 * No passphrase of the root domain is needed, only its place. The caller holds the turn among the writers.
 * @param elsewhere that place is not at hand, and its key is removed there later
 * @param confirm guard G5, asked again right before the record; nothing is asked from `prepared`
 * @throws ERR_STATE when the rollover is elsewhere by now; ERR_INPUT_REQUIRED when the root domain is not at hand;
 *   what `confirm` throws; ERR_STORAGE
 */
export async function abandonRollover(
  writer: KeystoreWriter,
  from: 'prepared' | 'rollback',
  requestId: string,
  confirm: () => Promise<void> = async () => {},
  elsewhere = false,
): Promise<Abandoned> {
  const { keystore } = writer;
  const destroyed = doomed(keystore.state, 'stable');
  const gone = keystore.state.authorities.find(({ id }) => destroyed.includes(id));
  if (gone !== undefined && !elsewhere) domainStore(keystore, 'root');
  const backups = gone === undefined ? [] : await backupsHolding(keystore, gone.generation);
  await commitStep(writer, { from, to: 'stable', requestId, confirm });
  return { destroyed, backups };
}
