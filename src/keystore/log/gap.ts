import { tampered } from '../canonical.ts';
import type { Store } from '../store.ts';

/**
 * A log ends where its next record is not there. Records beyond that place mean that some in between are missing:
 * whoever only reads on would take the shorter log for the whole.
 * @param end the first number that was not there
 * @throws ERR_KEYSTORE_TAMPERED
 */
export async function checkNoGap(store: Store, end: number): Promise<void> {
  const last = await store.lastRecord();
  if (last === undefined || last < end) return;
  // A log that a writer has extended meanwhile has no gap.
  if ((await store.readRecord(end)) !== undefined) return;
  throw tampered(`log record ${end} is missing, although record ${last} is there`);
}
