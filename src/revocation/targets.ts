import { sha256 } from '../crypto/hash.ts';
import { createVerifySignature } from '../crypto/verify-signature.ts';
import { ClusterCaError } from '../errors.ts';
import { type IssuedCertificate, statusOf } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { toHex } from '../pki/encoding.ts';
import { decodePem, looksLikePem } from '../pki/pem.ts';
import { formatSerial } from '../pki/serial.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import { certificatesOf, type NamedHolder } from '../what/holder.ts';
import { readInputFile } from '../what/read-file.ts';
import type { What } from '../what/what.ts';
import { agentProbes } from './agent-probes.ts';
import type { RevocationTarget } from './revoke.ts';

const verifySignature = createVerifySignature();

/**
 * The certificates that a WHAT of `revoke` means. A name means every unexpired certificate ever issued to it,
 * superseded ones too, the last of each plane even where it has ended, and those that a node's agent asks its services with.
 * @param options.from what ended before has ended: the earlier of the two times that it may be now
 * @throws ERR_NOT_FOUND, ERR_USAGE, ERR_CONFIG; ERR_POLICY for a certificate of another CA
 */
export async function revocationTargets(
  keystore: Keystore,
  what: What,
  options: { planes: string[] | undefined; authority: string | undefined; from: Date },
): Promise<RevocationTarget[]> {
  switch (what.type) {
    case 'name':
      return nameTargets(keystore, what, options);
    case 'serial':
      return [await serialTarget(keystore, what.serial, options.authority)];
    case 'file':
      return [await fileTarget(keystore, what.path)];
    default:
      throw new ClusterCaError('ERR_USAGE', 'a node, a serial number or a certificate file can be revoked', {
        hint: 'force one reading with node:, serial: or file:',
      });
  }
}

async function nameTargets(
  keystore: Keystore,
  holder: NamedHolder,
  { planes, from }: { planes: string[] | undefined; from: Date },
): Promise<RevocationTarget[]> {
  const { name } = holder;
  const rows = await certificatesOf(keystore, holder);
  const chosen = rows.filter((row) => planes === undefined || planes.includes(row.plane));
  if (chosen.length === 0)
    throw new ClusterCaError(
      'ERR_NOT_FOUND',
      `no certificate was ever issued to ${name}${planes === undefined ? '' : ` on plane ${planes.join(', ')}`}`,
      {
        hint: 'cluster-ca list --all shows what was issued',
      },
    );
  // What has ended is not taken along, but for the last of each plane: what is due is issued by it.
  const open = chosen.filter((row) => !row.superseded || statusOf(row, from) !== 'expired');
  // A node that goes with all that it has is to ask nobody any more either.
  const isNode = planes === undefined && chosen.some(({ kind }) => kind === 'node');
  return [...open, ...(isNode ? await agentProbes(keystore, name, from) : [])].map(rowTarget);
}

async function serialTarget(
  keystore: Keystore,
  serial: string,
  authority: string | undefined,
): Promise<RevocationTarget> {
  const row = await keystore.query((index) => index.bySerial(serial));
  if (row !== undefined) return rowTarget(row);
  if (authority === undefined)
    throw new ClusterCaError('ERR_NOT_FOUND', `the log knows no certificate with serial ${serial}`, {
      hint: 'if it was issued before a restore, name its CA: --authority ID',
    });
  if (keystore.authority(authority) === undefined)
    throw new ClusterCaError('ERR_NOT_FOUND', `there is no authority ${authority}`);
  return { authority, serial, notAfter: keystore.authorityCertificate(authority).notAfter };
}

async function fileTarget(keystore: Keystore, path: string): Promise<RevocationTarget> {
  const bytes = readInputFile(path, 'certificate');
  const first = looksLikePem(bytes) ? decodePem(bytes).find(({ label }) => label === 'CERTIFICATE')?.bytes : bytes;
  if (first === undefined) throw new ClusterCaError('ERR_CONFIG', `${path} holds no certificate`);
  const certificate = parseCertificate(first);
  const serial = formatSerial(certificate.serialNumber);
  const row = await keystore.query((index) => index.bySerial(serial));
  if (row !== undefined && equalBytes(sha256(await keystore.der(row)), sha256(certificate.der))) return rowTarget(row);
  const authority = issuerOf(keystore, certificate);
  if (authority === undefined)
    throw new ClusterCaError('ERR_POLICY', `${path} was not signed by a CA of this keystore`, {
      hint: `cluster-ca inspect ${path} shows its issuer`,
    });
  return { authority, serial, notAfter: certificate.notAfter };
}

/** The CA of this keystore that signed a certificate, whether the log knows it or not. */
function issuerOf(keystore: Keystore, certificate: Certificate): string | undefined {
  return keystore.state.authorities.find(({ id }) => {
    const issuer = keystore.authorityCertificate(id);
    if (toHex(issuer.subject) !== toHex(certificate.issuer)) return false;
    return verifySignature(issuer.publicKey, certificate.signatureAlgorithm, certificate.tbs, certificate.signature);
  })?.id;
}

function rowTarget(row: IssuedCertificate): RevocationTarget {
  return { authority: row.authority, serial: row.serial, notAfter: row.notAfter, row };
}
