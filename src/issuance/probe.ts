import { sha256Hex } from '../crypto/hash.ts';
import { loadCrypto } from '../crypto/webcrypto.ts';
import type { ClientCertificate } from '../endpoint/handshake.ts';
import { encodeCanonical } from '../keystore/canonical.ts';
import { newRequestId } from '../keystore/request-id.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { generateKey } from '../pki/key.ts';
import { encodePem } from '../pki/pem.ts';
import { chainPem } from './files.ts';
import { signBatch } from './sign-batch.ts';
import type { SignedItem } from './template.ts';

const HOUR = 3_600_000;

/** What every probe is issued to. */
const PROBE: SignedItem = {
  kind: 'probe',
  name: 'cluster-ca-probe',
  plane: '',
  profile: 'probe',
  dns: [],
  ip: [],
  keyType: 'ecdsa-p256',
  wildcards: false,
};

/**
 * A certificate to ask the cluster's servers with: clientAuth alone, an hour to each side of now, in the log like any
 * other. Its key is in memory only; zero it when done. The caller does not hold the turn among the writers.
 * @param wait milliseconds for the turn
 * @throws ERR_KEYSTORE_BUSY, ERR_CLOCK, ERR_STORAGE
 */
export async function issueProbe(writer: KeystoreWriter, wait: number): Promise<ClientCertificate> {
  const { keystore } = writer;
  const crypto = await loadCrypto();
  const key = await generateKey(crypto, PROBE.keyType);
  const now = Math.floor(writer.options.now().getTime() / 1000) * 1000;
  const requestHash = sha256Hex(new TextEncoder().encode(encodeCanonical({ verb: 'probe' })));
  const der = await writer.inTurn(wait, async () => {
    const { sealed, keyType, id } = keystore.issuing;
    const latest = keystore.authorityCertificate(id).notAfter;
    const validity = { notBefore: new Date(now - HOUR), notAfter: new Date(Math.min(now + HOUR - 1000, latest)) };
    const signer = await writer.daily.signer(sealed, keyType);
    const context = { writer, signer, crypto, requestId: newRequestId(), requestHash, confirm: async () => {} };
    const [made] = await signBatch([{ item: PROBE, publicKey: key.spki, validity }], context);
    return made as Uint8Array;
  });
  const pem = encodePem('PRIVATE KEY', key.pkcs8);
  key.pkcs8.fill(0);
  const encoder = new TextEncoder();
  return { cert: encoder.encode(chainPem(keystore, der, keystore.issuing.id)), key: encoder.encode(pem) };
}
