import { ClusterCaError } from '../errors.ts';
import { nameText } from '../inspection/certificate-object.ts';
import { describeEntry } from '../inspection/crl-entry.ts';
import { isExternal } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { DerError } from '../pki/der/error.ts';
import { formatSerial } from '../pki/serial.ts';
import { parseCrl } from '../pki/x509/crl.ts';
import { crlSigner } from '../revocation/crl-signer.ts';
import { type InputFile, readSources } from '../verification/read-sources.ts';

/** A revocation that a CRL of ours has, and a backup has not. */
export interface DroppedRevocation {
  serial: string;
  authority: string;
  /** Whose certificate it is, where the backup knows it: it was issued before, and revoked behind it. */
  node?: string;
  /** RFC 3339. */
  revokedAt: string;
  reason: string;
}

/**
 * What CRLs that were handed out before have, and a restored keystore would not: servers have the newest there was when
 * the machine is gone. Those of another PKI's CAs say nothing of our log.
 * @throws ERR_CONFIG for a file that holds no CRL; ERR_POLICY for one that no CA of the backup has signed
 */
export async function droppedRevocations(
  keystore: Keystore,
  files: readonly InputFile[],
): Promise<DroppedRevocation[]> {
  const dropped = new Map<string, DroppedRevocation>();
  for (const file of files)
    for (const { der } of readSources(file, 'crl'))
      for (const one of await lacking(keystore, der, file.name)) dropped.set(`${one.authority} ${one.serial}`, one);
  return [...dropped.values()];
}

async function lacking(keystore: Keystore, der: Uint8Array, file: string): Promise<DroppedRevocation[]> {
  try {
    const crl = parseCrl(der);
    const authority = crlSigner(keystore, crl);
    if (authority === undefined)
      throw new ClusterCaError(
        'ERR_POLICY',
        `${file}: no CA of the backup has signed the CRL of ${nameText(crl.issuer)}`,
        { hint: 'it is of another cluster, or of a CA that was made after the backup: a newer one has it' },
      );
    if (isExternal(keystore.state, authority)) return [];
    const { id } = authority;
    const known = new Set((await keystore.query((index) => index.revocations(id))).map(({ serial }) => serial));
    const entries = [...crl.entries()].filter(({ serialNumber }) => !known.has(formatSerial(serialNumber)));
    return await Promise.all(
      entries.map(async (entry): Promise<DroppedRevocation> => {
        const serial = formatSerial(entry.serialNumber);
        const row = await keystore.query((index) => index.bySerial(serial));
        const { revokedAt, revocationReason = 'unspecified' } = describeEntry(entry);
        const holder = row === undefined ? {} : { node: row.name };
        return { serial, authority: id, ...holder, revokedAt, reason: revocationReason };
      }),
    );
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw new ClusterCaError('ERR_CONFIG', `${file} holds a CRL that cannot be read: ${cause.message}`, { cause });
  }
}
