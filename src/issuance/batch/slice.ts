import { type BatchKey, batchSigner, createKeySource } from '../../crypto/batch-keys.ts';
import { sha256 } from '../../crypto/hash.ts';
import type { Policy } from '../../keystore/log/bodies.ts';
import { concatAll } from '../../pki/der/writer.ts';
import { fromHex } from '../../pki/encoding.ts';
import { prepareCertificate, sign } from '../../pki/prepare.ts';
import { type EndEntityProfile, endEntityTemplate } from '../../pki/profile/end-entity.ts';
import { validityFor } from '../../pki/validity.ts';
import { type KeyType, signatureAlgorithmFor } from '../../pki/x509/algorithm.ts';
import { parseCertificate } from '../../pki/x509/certificate.ts';
import { type IssueItem, itemNames } from '../item.ts';

/** What every certificate of a batch shares. It is handed to worker threads as it is. */
export interface BatchIssuer {
  /** DER of the issuing CA's certificate. */
  certificate: Uint8Array;
  keyType: KeyType;
  key: BatchKey;
  policy: Policy;
  /** Milliseconds since 1970. */
  now: number;
}

/** An item as a worker needs it: plain data, and its reserved serial in hex. */
export type SliceItem = Pick<
  IssueItem,
  'kind' | 'name' | 'plane' | 'profile' | 'dns' | 'ip' | 'role' | 'keyType' | 'lifetime' | 'publicKey' | 'wildcards'
> & {
  serial: string;
};

/** The certificates of a slice, one behind the other, and the private keys that were made. */
export interface MadeSlice {
  ders: Uint8Array;
  lengths: Uint32Array;
  /** PKCS#8, by item; undefined where the key is somebody else's. */
  keys: (Uint8Array | undefined)[];
}

/**
 * Makes the certificates of a slice by the ordinary profile, lint and token; only the key source and the signer are a
 * batch's own.
 * @throws ClusterCaError ERR_LINT
 */
export async function makeSlice(items: readonly SliceItem[], shared: BatchIssuer): Promise<MadeSlice> {
  const issuer = parseCertificate(shared.certificate);
  const signer = batchSigner(shared.keyType, shared.key);
  const makeKey = createKeySource();
  const digest = (data: Uint8Array): Uint8Array => sha256(data);
  const signatureAlgorithm = signatureAlgorithmFor(shared.keyType);
  const { policy } = shared;
  const now = new Date(shared.now);
  const ders: Uint8Array[] = [];
  const keys: (Uint8Array | undefined)[] = [];
  for (const item of items) {
    const key = item.publicKey === undefined ? makeKey(item.keyType) : undefined;
    const template = endEntityTemplate({
      profile: item.profile as EndEntityProfile,
      commonName: item.name,
      subjectAltNames: itemNames(item, policy),
      serialNumber: fromHex(item.serial),
      validity: validityFor(now, (item.lifetime ?? policy.nodeLifetime) * 1000, issuer.notAfter),
      publicKey: key?.spki ?? (item.publicKey as Uint8Array),
      issuer,
      signatureAlgorithm,
      sha256: digest,
      ...(policy.crlUrl === undefined ? {} : { crlUrl: policy.crlUrl }),
    });
    ders.push(await sign(prepareCertificate(template, issuer, digest), signer));
    keys.push(key?.pkcs8);
  }
  return { ders: concatAll(ders), lengths: Uint32Array.from(ders, ({ length }) => length), keys };
}

/** The certificates of a made slice, one by one. */
export function splitDers({ ders, lengths }: Pick<MadeSlice, 'ders' | 'lengths'>): Uint8Array[] {
  let at = 0;
  return Array.from(lengths, (length) => {
    at += length;
    return ders.subarray(at - length, at);
  });
}
