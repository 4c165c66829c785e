import { type SignedCrl, signedCrl } from '../authority/sign-crl.ts';
import { ClusterCaError } from '../errors.ts';
import { nameText } from '../inspection/certificate-object.ts';
import { isExternal } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Authority } from '../keystore/log/bodies.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { DerError } from '../pki/der/error.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { OID } from '../pki/oids.ts';
import { formatSerial } from '../pki/serial.ts';
import { type Crl, parseCrl } from '../pki/x509/crl.ts';
import { formatTime } from '../values/time.ts';
import { type InputFile, readSources } from '../verification/read-sources.ts';
import { crlSigner } from './crl-signer.ts';
import { dropReplaced, putCrl } from './renew-crls.ts';

/**
 * The CRLs of another PKI's CAs above our issuing CA, from a file that it publishes: PEM, one behind the other, or DER.
 * @throws ERR_CONFIG for a file that holds none; ERR_POLICY for one of another CA, that has ended, or that covers a part of
 *   its CA's certificates alone
 */
export function readCompanyCrls(keystore: Keystore, file: InputFile, now: Date): SignedCrl[] {
  return readSources(file, 'crl').map(({ der }) => {
    const crl = parsed(der, file.name);
    const refuse = (problem: string, hint: string): ClusterCaError =>
      new ClusterCaError('ERR_POLICY', `the CRL of ${nameText(crl.issuer)} ${problem}`, { hint });
    const authority = crlSigner(keystore, crl);
    if (authority === undefined)
      throw refuse(
        'was signed by no CA of this keystore',
        'give those of the CAs above the issuing CA: cluster-ca inspect shows them',
      );
    if (!isExternal(keystore.state, authority))
      throw refuse('is one of our own: it is signed here', 'cluster-ca crl --renew');
    const partial = crl.extensions.find(({ oid, critical }) => critical && oid !== OID.cRLNumber);
    if (partial !== undefined)
      throw refuse(
        `has a critical extension (${partial.oid}): it may cover a part of the certificates alone`,
        'servers want a complete CRL of each level',
      );
    if (crl.nextUpdate === undefined || crl.nextUpdate <= now.getTime())
      throw refuse(
        crl.nextUpdate === undefined ? 'does not say when it ends' : `has ended on ${formatTime(crl.nextUpdate)}`,
        'get the current one: a server with this one refuses everybody',
      );
    return signedCrl(authority.id, keystore.authorityCertificate(authority.id), der);
  });
}

/**
 * Records them, each that is newer than the last. The caller holds the turn among the writers.
 * @returns the CAs whose CRL was recorded
 * @throws ERR_STATE for one that is older than what was recorded
 */
export async function recordCompanyCrls(
  writer: KeystoreWriter,
  signed: readonly SignedCrl[],
  requestId: string,
): Promise<string[]> {
  const { keystore } = writer;
  const before = keystore.state.crls;
  for (const one of signed) await putCrl(writer, one);
  const record = await writer.commit('crl', requestId, async () => {
    const crls = signed
      .map(({ ref }) => ref)
      .filter((ref) => {
        const last = keystore.state.crls.find(({ authority }) => authority === ref.authority);
        if (last === undefined) return true;
        if (last.sha256 === ref.sha256) return false;
        if (BigInt(ref.number) > BigInt(last.number)) return true;
        throw new ClusterCaError(
          'ERR_STATE',
          `the CRL of ${ref.authority} has the number ${ref.number}, and ${last.number} was there already`,
          { hint: 'get the current one' },
        );
      });
    return crls.length === 0 ? undefined : { crls };
  });
  await dropReplaced(writer, before);
  return record?.body.crls.map(({ authority }) => authority) ?? [];
}

/** The CAs of this keystore that a CRL of another PKI lists: what they issued is refused by who reads it. */
export function revokedByCompany(keystore: Keystore, signed: readonly SignedCrl[]): Authority[] {
  return keystore.state.authorities.filter(({ id }) => {
    const { issuer, serialNumber } = keystore.authorityCertificate(id);
    return signed.some(({ der }) => {
      const crl = parseCrl(der);
      if (!equalBytes(crl.issuer, issuer)) return false;
      return [...crl.entries()].some((entry) => formatSerial(entry.serialNumber) === formatSerial(serialNumber));
    });
  });
}

function parsed(der: Uint8Array, name: string): Crl {
  try {
    return parseCrl(der);
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw new ClusterCaError('ERR_CONFIG', `${name} holds a CRL that cannot be read: ${cause.message}`, { cause });
  }
}
