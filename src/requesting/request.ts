import { chown, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { loadCrypto } from '../crypto/webcrypto.ts';
import { ClusterCaError } from '../errors.ts';
import { makeDirectories, syncDirectory, writeNew } from '../keystore/directory/durable.ts';
import { errno, storageError } from '../keystore/directory/errors.ts';
import { makeCsr } from '../pki/csr.ts';
import { generateKey, importSigner } from '../pki/key.ts';
import { encodePem } from '../pki/pem.ts';
import type { KeyType } from '../pki/x509/algorithm.ts';
import type { GeneralName } from '../pki/x509/general-name.ts';
import type { FileAccess } from '../placement/place.ts';

export interface CsrRequest {
  node: string;
  plane: string;
  names: GeneralName[];
  keyType: KeyType;
  /** DIR; the files go to DIR/<node>/<plane>/. */
  out: string;
  access: FileAccess;
}

/**
 * Makes a key and a certification request for one node and plane: key.pem first, durably, then request.pem.
 * @throws ERR_EXISTS when key.pem is there: a key is never overwritten; ERR_STORAGE
 */
export async function makeRequest(request: CsrRequest): Promise<string[]> {
  const directory = join(request.out, request.node, request.plane);
  const [keyPath, requestPath] = [join(directory, 'key.pem'), join(directory, 'request.pem')];
  const crypto = await loadCrypto();
  const key = await generateKey(crypto, request.keyType);
  try {
    const csr = await makeCsr(
      request.node,
      request.names,
      key.spki,
      await importSigner(crypto, request.keyType, key.pkcs8),
    );
    await makeDirectories(directory, 0o755);
    await writeNew(keyPath, new TextEncoder().encode(encodePem('PRIVATE KEY', key.pkcs8)), request.access.keyMode);
    const { owner } = request.access;
    if (owner !== undefined) await chown(keyPath, owner.uid, owner.gid);
    await unlink(requestPath).catch(() => {});
    await writeNew(requestPath, new TextEncoder().encode(encodePem('CERTIFICATE REQUEST', csr)), 0o644);
    await syncDirectory(directory);
    return [keyPath, requestPath];
  } catch (error) {
    if (errno(error) === 'EEXIST')
      throw new ClusterCaError('ERR_EXISTS', `${keyPath} is there already: it is not overwritten`, {
        hint: 'move it away, or choose another --out',
      });
    throw storageError(error, 'write in', directory);
  } finally {
    key.pkcs8.fill(0);
  }
}
