import { sha256Hex } from '../crypto/hash.ts';
import { createVerifySignature } from '../crypto/verify-signature.ts';
import { ClusterCaError } from '../errors.ts';
import type { CrlRef } from '../keystore/log/bodies.ts';
import type { RevokedSerial } from '../keystore/log/fold.ts';
import { encodeTbsCertList, nextCrlNumber } from '../pki/crl.ts';
import { fromHex } from '../pki/encoding.ts';
import { prepareCrl, sign } from '../pki/prepare.ts';
import type { Signer } from '../pki/signer.ts';
import { signatureAlgorithmFor } from '../pki/x509/algorithm.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import { parseCrl } from '../pki/x509/crl.ts';

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

/**
 * Signs a CRL of what is revoked and not yet expired. Entries leave one CRL after their certificate's end: whoever
 * last saw the certificate valid sees it listed once more (RFC 5280 §3.3).
 * @throws ClusterCaError ERR_LINT
 */
export async function signCrl(request: CrlRequest): Promise<SignedCrl> {
  const { issuer, signer, now } = request;
  const thisUpdate = new Date(Math.floor(now.getTime() / 1000) * 1000);
  const nextUpdate = new Date(Math.min(thisUpdate.getTime() + request.lifetime * 1000, issuer.notAfter));
  const number = nextCrlNumber(request.lastNumber, now);
  const signatureAlgorithm = signatureAlgorithmFor(signer.keyType);
  const tbs = encodeTbsCertList({
    issuer,
    signatureAlgorithm,
    thisUpdate,
    nextUpdate,
    number,
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
  const der = await sign(prepareCrl(tbs, signatureAlgorithm, issuer), signer);
  const crl = parseCrl(der);
  if (!verifySignature(issuer.publicKey, crl.signatureAlgorithm, crl.tbs, crl.signature))
    throw new ClusterCaError('ERR_LINT', `the signed CRL does not verify by ${request.authority}`);
  return {
    der,
    ref: {
      authority: request.authority,
      number: number.toString(),
      sha256: sha256Hex(der),
      thisUpdate: thisUpdate.toISOString(),
      nextUpdate: nextUpdate.toISOString(),
    },
  };
}
