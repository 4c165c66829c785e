import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterCaError } from '../errors.ts';
import { makeDirectories, syncDirectory, writeNew } from '../keystore/directory/durable.ts';
import { errno, storageError } from '../keystore/directory/errors.ts';
import { toHex } from '../pki/encoding.ts';
import { formatShare, type Share } from './share.ts';

/** What a share's holder has to know. */
export interface ShareOf {
  cluster: string;
  keystoreId: string;
  slot: string;
  domain: string;
}

/**
 * Writes one share a file, 0600, durably, and the directory too: `share-1-of-5.txt`.
 * @returns the paths @throws ERR_EXISTS when one is there already; ERR_STORAGE
 */
export async function writeShares(directory: string, shares: readonly Share[], of: ShareOf): Promise<string[]> {
  const written: string[] = [];
  try {
    await makeDirectories(directory, 0o700);
    for (const share of shares) {
      const path = join(directory, `share-${share.number}-of-${share.total}.txt`);
      await writeNew(path, new TextEncoder().encode(shareText(share, of)), 0o600);
      written.push(path);
    }
    await syncDirectory(directory);
    return written;
  } catch (error) {
    await removeShares(written);
    if (errno(error) === 'EEXIST')
      throw new ClusterCaError('ERR_EXISTS', `${directory} has shares already`, {
        hint: 'choose another --shares-out',
        cause: error,
      });
    throw storageError(error, 'write shares to', directory);
  }
}

/** Takes shares back whose slot was not made. */
export async function removeShares(paths: readonly string[]): Promise<void> {
  for (const path of paths) await unlink(path).catch(() => {});
}

/** Everything on it can be printed; only the line that begins with CCA1 counts. */
function shareText(share: Share, { cluster, keystoreId, slot, domain }: ShareOf): string {
  return [
    `Recovery share ${share.number} of ${share.total} for the cluster-ca keystore of ${cluster}`,
    `Any ${share.needed} of these ${share.total} open its ${domain} domain. Keep it apart from the others.`,
    '',
    formatShare(share),
    '',
    `keystore ${keystoreId}, slot ${slot}, set ${toHex(share.set)}`,
    `To use: put ${share.needed} of the files together, as a passphrase:`,
    `  cluster-ca ... --${domain === 'root' ? 'root-' : ''}passphrase-command 'cat SHARE1 SHARE2${' SHARE3'.repeat(share.needed > 2 ? 1 : 0)}'`,
    '',
  ].join('\n');
}
