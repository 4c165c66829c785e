import { sha256Hex } from '../crypto/hash.ts';
import type { ClientCertificate } from '../endpoint/handshake.ts';
import { ClusterCaError } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import { signingIssuer } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { crlBundle, trustBundle } from '../keystore/public.ts';
import { toHex } from '../pki/encoding.ts';
import { decodePem, encodePem } from '../pki/pem.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import type { Material } from './material.ts';
import { ServiceDirectory } from './service-directory.ts';
import type { Unit } from './unit.ts';

/** Whether the certificates in use are of a CA that is being taken over: nothing of ours is issued yet, they stay. */
export function keepsCertificates({ state }: Keystore): boolean {
  return state.rollover?.form === 'foreign' && signingIssuer(state) === undefined;
}

/**
 * What a directory has, with the trust bundle and the CRLs of now: its certificate and key are another CA's, and stay.
 * @throws ERR_NOT_FOUND when there is no certificate
 */
export async function adoptedMaterial(keystore: Keystore, unit: Unit, host: Host, now: Date): Promise<Material> {
  const pem = await new ServiceDirectory(host, unit.dir).read('cert.pem');
  const blocks = pem === undefined ? [] : decodePem(pem).filter(({ label }) => label === 'CERTIFICATE');
  const [leaf] = blocks;
  if (leaf === undefined)
    throw new ClusterCaError('ERR_NOT_FOUND', `${unit.dir} has no cert.pem of the CA that is taken over`, {
      hint: 'put the files that the service has there, as cert.pem, key.pem and ca.pem',
    });
  const certificate = parseCertificate(leaf.bytes);
  return {
    row: { name: unit.holder.name, profile: 'peer' },
    certificate,
    fingerprint: sha256Hex(leaf.bytes),
    chain: blocks.map(({ bytes }) => encodePem('CERTIFICATE', bytes)).join(''),
    publicKey: toHex(certificate.publicKey.der),
    trustBundle: trustBundle(keystore, now),
    crls: {
      'every-level': await crlBundle(keystore, now),
      issuing: encodePem('X509 CRL', await keystore.crl(keystore.newestIssuing.id)),
    },
    key: () => undefined,
    otherKeys: () => [],
  };
}

/** A service's own certificate, to speak to it with: it knows no CA of ours yet. The caller zeroes the key. */
export async function ownClient(unit: Unit, host: Host): Promise<ClientCertificate | undefined> {
  const directory = new ServiceDirectory(host, unit.dir);
  const [cert, key] = [await directory.read('cert.pem'), await directory.read('key.pem')];
  return cert === undefined || key === undefined ? undefined : { cert, key };
}
