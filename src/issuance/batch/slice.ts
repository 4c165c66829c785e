import { type BatchKey, batchSigner, createKeySource } from '../../crypto/batch-keys.ts';
import { sha256 } from '../../crypto/hash.ts';
import type { Policy } from '../../keystore/log/bodies.ts';
import { equalBytes, octetString } from '../../pki/der/writer.ts';
import { fromHex } from '../../pki/encoding.ts';
import { keyIdentifier } from '../../pki/key-identifier.ts';
import { type Prepared, prepareTbs, signNow } from '../../pki/prepare.ts';
import type { Sha256 } from '../../pki/signature.ts';
import type { SyncSigner } from '../../pki/signer.ts';
import { Slab } from '../../pki/slab.ts';
import { Stencil } from '../../pki/stencil.ts';
import { type KeyType, signatureAlgorithmFor } from '../../pki/x509/algorithm.ts';
import { type Certificate, parseCertificate } from '../../pki/x509/certificate.ts';
import { subjectAltName } from '../../pki/x509/extensions.ts';
import { commonName, encodeName } from '../../pki/x509/name.ts';
import { type IssueItem, itemNames } from '../item.ts';
import { type TemplateContext, templateOf } from '../template.ts';

/** What every certificate of a batch shares. It is handed to worker threads as it is, but for a token's signer: that stays in this thread. */
export interface BatchIssuer {
  /** DER of the issuing CA's certificate. */
  certificate: Uint8Array;
  keyType: KeyType;
  key: BatchKey | SyncSigner;
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

/** The certificates of a slice, and the private keys that were made. */
export interface MadeSlice {
  /** In octets that are theirs in common: copy what is to be sent away. */
  ders: Uint8Array[];
  /** notBefore and notAfter of each, as lint read them. */
  ends: Float64Array;
  /** PKCS#8, by item; undefined where the key is somebody else's. */
  keys: (Uint8Array | undefined)[];
}

/**
 * Makes the certificates of slices by the ordinary profile, lint and token; only the key source and the signer are a
 * batch's own, and what the certificates share is encoded once.
 */
export class SliceMaker {
  readonly #signer: SyncSigner;
  readonly #makeKey = createKeySource();
  readonly #context: TemplateContext;
  readonly #signatureAlgorithm: Uint8Array;
  readonly #stencils = new Map<string, Stencil>();

  constructor({ certificate, keyType, key, policy, now }: BatchIssuer) {
    const issuer = parseCertificate(certificate);
    this.#signer = 'signNow' in key ? key : batchSigner(keyType, key);
    this.#context = { policy, issuer, keyType, now: new Date(now), sha256: lastKept(sha256) };
    this.#signatureAlgorithm = signatureAlgorithmFor(keyType);
  }

  /**
   * Keys for all, then lint for all, then signatures: each step keeps to its own code and tables, which is faster than
   * one certificate after the other.
   * @throws ClusterCaError ERR_LINT
   */
  make(items: readonly SliceItem[]): MadeSlice {
    const keys = items.map((item) => (item.publicKey === undefined ? this.#makeKey(item.keyType) : undefined));
    const scratch = new Slab();
    const prepared = items.map((item, i) =>
      this.#prepare(item, keys[i]?.spki ?? (item.publicKey as Uint8Array), scratch),
    );
    const slab = new Slab();
    const ends = new Float64Array(2 * items.length);
    for (const [i, { preview }] of prepared.entries()) ends.set([preview.notBefore, preview.notAfter], 2 * i);
    return {
      ends,
      ders: prepared.map((token) => signNow(token, this.#signer, slab)),
      keys: keys.map((key) => key?.pkcs8),
    };
  }

  #prepare(item: SliceItem, publicKey: Uint8Array, scratch: Slab): Prepared<Certificate> {
    const { policy, issuer, sha256 } = this.#context;
    const serialNumber = fromHex(item.serial);
    const own = {
      serialNumber,
      publicKey,
      subject: encodeName(commonName(item.name)),
      values: {
        subjectAltName: subjectAltName(itemNames(item, policy)).value,
        subjectKeyIdentifier: octetString(keyIdentifier(publicKey, sha256)),
      },
    };
    const tbs = this.#stencilFor(item, serialNumber, publicKey).fill(own, scratch);
    const { profile } = item;
    return prepareTbs(tbs, { profile, signatureAlgorithm: this.#signatureAlgorithm, issuer, sha256 });
  }

  /** Certificates of one profile and lifetime have all but their own parts in common. */
  #stencilFor(item: SliceItem, serialNumber: Uint8Array, publicKey: Uint8Array): Stencil {
    const key = `${item.profile} ${item.lifetime}`;
    const known = this.#stencils.get(key);
    if (known !== undefined) return known;
    const stencil = new Stencil(templateOf(item, serialNumber, publicKey, this.#context));
    this.#stencils.set(key, stencil);
    return stencil;
  }
}

/** Keeps the last digest: the key that an identifier was just made of is the one that lint looks at next. */
function lastKept(digest: Sha256): Sha256 {
  let last: { data: Uint8Array; digest: Uint8Array } | undefined;
  return (data) => {
    if (last === undefined || !equalBytes(last.data, data)) last = { data: data.slice(), digest: digest(data) };
    return last.digest;
  };
}
