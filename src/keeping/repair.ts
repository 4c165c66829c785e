import { sha256Hex } from '../crypto/hash.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { publicFiles } from '../keystore/public.ts';
import { equalBytes } from '../pki/der/writer.ts';

/**
 * Rebuilds what is derived: the files of public/ that are missing or not what they should be; a damaged snapshot is
 * removed, and the next writer makes a new one.
 * @returns the files that were rebuilt or removed
 */
export async function repairDerived(keystore: Keystore, now: Date, dropSnapshot: boolean): Promise<string[]> {
  const { store } = keystore;
  const repaired: string[] = [];
  for (const name of dropSnapshot ? await store.listBlobs('snapshot') : []) {
    await store.deleteBlob('snapshot', name);
    repaired.push(`snapshot/${name}`);
  }
  for (const [name, content] of Object.entries(await publicFiles(keystore, now))) {
    const bytes = new TextEncoder().encode(content);
    const there = await store.readBlob('public', name);
    if (there !== undefined && equalBytes(there, bytes)) continue;
    await store.replaceBlob('public', name, there === undefined ? undefined : sha256Hex(there), bytes);
    repaired.push(`public/${name}`);
  }
  return repaired;
}
