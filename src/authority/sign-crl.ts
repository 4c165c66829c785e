import { sha256Hex } from '../crypto/hash.ts';
import { createVerifySignature } from '../crypto/verify-signature.ts';
import { ClusterCaError } from '../errors.ts';
import type { CrlRef } from '../keystore/log/bodies.ts';
import type { RevokedSerial } from '../keystore/log/fold.ts';
import { encodeTbsCertList, nextCrlNumber } from '../pki/crl.ts';
import { readDer } from '../pki/der/reader.ts';
import { fromHex, toHex } from '../pki/encoding.ts';
import { OID } from '../pki/oids.ts';
import { prepareCrl, sign } from '../pki/prepare.ts';
import type { Signer } from '../pki/signer.ts';
import { type KeyType, signatureAlgorithmFor } from '../pki/x509/algorithm.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import { type Crl, parseCrl } from '../pki/x509/crl.ts';
import { findExtension } from '../pki/x509/extension.ts';

const verifySignature = createVerifySignature();

export interface CrlRequest {
  /** The id under which the log knows the CA. */
  authority: string;
  issuer: Certificate;
  signer: Signer;
  revoked: RevokedSerial[];
  now: Date;
  /** Seconds until nextUpdate; it never lies beyond the issuer's end. */
  lifetime: number;
  /** The number of the CRL before. */
  lastNumber?: bigint | undefined;
  url?: string | undefined;
}

export interface SignedCrl {
  ref: CrlRef;
  der: Uint8Array;
}

/** A CRL as it is before it is signed. */
export interface UnsignedCrl {
  tbs: Uint8Array;
  signatureAlgorithm: Uint8Array;
}

/**
 * Signs a CRL of what is revoked and not yet expired. Entries leave one CRL after their certificate's end: whoever
 * last saw the certificate valid sees it listed once more (RFC 5280 §3.3).
 * @throws ClusterCaError ERR_LINT
 */
export async function signCrl(request: CrlRequest): Promise<SignedCrl> {
  const { issuer, signer } = request;
  const { tbs, signatureAlgorithm } = prepareNextCrl({ ...request, keyType: signer.keyType });
  return signedCrl(request.authority, issuer, await sign(prepareCrl(tbs, signatureAlgorithm, issuer), signer));
}

/** The octets that a CRL's signature will be over. */
export function prepareNextCrl(request: Omit<CrlRequest, 'signer'> & { keyType: KeyType }): UnsignedCrl {
  const { issuer, now } = request;
  const thisUpdate = new Date(Math.floor(now.getTime() / 1000) * 1000);
  const nextUpdate = new Date(Math.min(thisUpdate.getTime() + request.lifetime * 1000, issuer.notAfter));
  const signatureAlgorithm = signatureAlgorithmFor(request.keyType);
  const tbs = encodeTbsCertList({
    issuer,
    signatureAlgorithm,
    thisUpdate,
    nextUpdate,
    number: nextCrlNumber(request.lastNumber, now),
    entries: request.revoked
      .filter((entry) => entry.notAfter === undefined || entry.notAfter + request.lifetime * 1000 > now.getTime())
      .map((entry) => ({
        serialNumber: fromHex(entry.serial),
        revocationDate: new Date(Math.min(entry.at, thisUpdate.getTime())),
        reason: entry.reason,
        ...(entry.invalidityDate === undefined ? {} : { invalidityDate: new Date(entry.invalidityDate) }),
      })),
    ...(request.url === undefined ? {} : { url: request.url }),
  });
  return { tbs, signatureAlgorithm };
}

/** A CRL that was signed, as a record names it. @throws ClusterCaError ERR_LINT when it is not this CA's */
export function signedCrl(authority: string, issuer: Certificate, der: Uint8Array): SignedCrl {
  const crl = parseCrl(der);
  const { nextUpdate } = crl;
  if (nextUpdate === undefined || !verifySignature(issuer.publicKey, crl.signatureAlgorithm, crl.tbs, crl.signature))
    throw new ClusterCaError('ERR_LINT', `the signed CRL does not verify by ${authority}`);
  return {
    der,
    ref: {
      authority,
      number: crlNumberOf(crl).toString(),
      sha256: sha256Hex(der),
      thisUpdate: new Date(crl.thisUpdate).toISOString(),
      nextUpdate: new Date(nextUpdate).toISOString(),
    },
  };
}

/** The CRL number (RFC 5280 §5.2.3). @throws ClusterCaError ERR_LINT without one */
export function crlNumberOf({ extensions }: Pick<Crl, 'extensions'>): bigint {
  const number = findExtension(extensions, OID.cRLNumber);
  if (number === undefined) throw new ClusterCaError('ERR_LINT', 'the CRL has no number');
  return BigInt(`0x${toHex(readDer(number.value, (reader) => reader.integer()))}`);
}
