import { constraintsFor } from '../../authority/constraints.ts';
import type { KeyMaker } from '../../authority/make.ts';
import { issuingName } from '../../authority/names.ts';
import { randomBytes } from '../../crypto/hash.ts';
import { loadCrypto } from '../../crypto/webcrypto.ts';
import { storeKey } from '../../keystore/envelope/sealed-key.ts';
import { makeSlot, type Secret } from '../../keystore/envelope/slot.ts';
import type { Policy } from '../../keystore/log/bodies.ts';
import { makeCaCsr } from '../../pki/csr.ts';
import { toBase64, toHex } from '../../pki/encoding.ts';
import { generateKey, importSigner } from '../../pki/key.ts';
import { writePending } from './pending.ts';

export interface ExternalRequest {
  cluster: string;
  policy: Policy;
  location: string;
  groupRead: boolean;
  secrets: Secret[];
  now: Date;
  /** Where the key is made, where not here: in a token. */
  makeKey: KeyMaker | undefined;
}

/**
 * Makes the key of an issuing CA and its certification request to another PKI, and keeps the key, sealed, until the
 * certificate is there.
 * @returns the request, DER @throws ERR_EXISTS, ERR_STORAGE
 */
export async function requestIssuing(request: ExternalRequest): Promise<Uint8Array> {
  const { cluster, policy, now } = request;
  const crypto = await loadCrypto();
  const name = issuingName(cluster, 1, 1);
  const id = toHex(randomBytes(16));
  const masterKey = randomBytes(32);
  const made = request.makeKey && (await request.makeKey(policy.keyType, name));
  const key = made?.key ?? (await generateKey(crypto, policy.keyType));
  try {
    const signer =
      made?.signer ?? (await importSigner(crypto, policy.keyType, 'pkcs8' in key ? key.pkcs8 : new Uint8Array(0)));
    const csr = await makeCaCsr(name, constraintsFor(policy.domains, policy.permitIp), key.spki, signer);
    const slots = [];
    for (const secret of request.secrets) {
      const { ref, bytes } = await makeSlot(id, secret.kind, 'daily', secret, masterKey, 1, now);
      slots.push({ ref, file: toBase64(bytes) });
    }
    const { ref, bytes } = storeKey(id, { domain: 'daily', epoch: 1 }, masterKey, key);
    const kept = { id, cluster, policy, groupRead: request.groupRead, csr: toBase64(csr), slots };
    await writePending(request.location, { ...kept, key: { ref, file: toBase64(bytes) } });
    return csr;
  } finally {
    masterKey.fill(0);
    if ('pkcs8' in key) key.pkcs8.fill(0);
  }
}
