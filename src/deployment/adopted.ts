import { sha256Hex } from '../crypto/hash.ts';
import type { ClientCertificate } from '../endpoint/handshake.ts';
import { ClusterCaError } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import { phaseOf, restsOnOthers } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { crlBundle, trustBundle } from '../keystore/public.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { toHex } from '../pki/encoding.ts';
import { decodePem, encodePem } from '../pki/pem.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import type { Material } from './material.ts';
import { ServiceDirectory } from './service-directory.ts';
import type { Unit } from './unit.ts';

/** Whether the certificates in use are of a CA that is being taken over: nothing of ours is issued yet, they stay. */
export function keepsCertificates({ state }: Keystore): boolean {
  return restsOnOthers(state);
}

/**
 * What a directory has, with the trust bundle and the CRLs of now: its certificate and key are another CA's, and stay. On
 * the way back they are those that were kept aside.
 * @throws ERR_NOT_FOUND when there is no certificate, or on the way back none of that CA
 */
export async function adoptedMaterial(keystore: Keystore, unit: Unit, host: Host, now: Date): Promise<Material> {
  const directory = new ServiceDirectory(host, unit.dir);
  const here = certificatesOf(await directory.read('cert.pem'));
  const kept = isOurs(keystore, here) ? await directory.keptAside() : undefined;
  const blocks = kept === undefined ? here : certificatesOf(kept.certificate);
  const [leaf] = blocks;
  if (phaseOf(keystore.state) === 'rollback' && isOurs(keystore, blocks))
    throw new ClusterCaError('ERR_NOT_FOUND', `${unit.dir} has nothing of the CA that is taken back to`, {
      hint: `put its certificate and key into ${unit.dir} again, as cert.pem and key.pem, make the service take them, and run the same command again`,
    });
  if (leaf === undefined)
    throw new ClusterCaError('ERR_NOT_FOUND', `${unit.dir} has no cert.pem of the CA that is taken over`, {
      hint: 'put the files that the service has there, as cert.pem, key.pem and ca.pem',
    });
  const certificate = parseCertificate(leaf);
  return {
    row: { name: unit.holder.name, profile: 'peer' },
    certificate,
    fingerprint: sha256Hex(leaf),
    chain: blocks.map((bytes) => encodePem('CERTIFICATE', bytes)).join(''),
    publicKey: toHex(certificate.publicKey.der),
    trustBundle: trustBundle(keystore, now),
    crls: {
      'every-level': await crlBundle(keystore, now),
      issuing: encodePem('X509 CRL', await keystore.crl(keystore.newestIssuing.id)),
    },
    key: () => kept && new Uint8Array(kept.key),
    otherKeys: () => [],
  };
}

function certificatesOf(pem: Uint8Array | undefined): Uint8Array[] {
  return decodePem(pem ?? '').flatMap(({ label, bytes }) => (label === 'CERTIFICATE' ? [bytes] : []));
}

/** Whether a chain's certificate is of a CA of this keystore. */
function isOurs(keystore: Keystore, [leaf]: readonly Uint8Array[]): boolean {
  if (leaf === undefined) return false;
  const { issuer } = parseCertificate(leaf);
  return keystore.state.authorities.some(({ id }) => equalBytes(keystore.authorityCertificate(id).subject, issuer));
}

/** A service's own certificate, to speak to it with: it knows no CA of ours yet. The caller zeroes the key. */
export async function ownClient(unit: Unit, host: Host): Promise<ClientCertificate | undefined> {
  const directory = new ServiceDirectory(host, unit.dir);
  const [cert, key] = [await directory.read('cert.pem'), await directory.read('key.pem')];
  return cert === undefined || key === undefined ? undefined : { cert, key };
}
