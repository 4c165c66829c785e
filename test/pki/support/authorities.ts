import { createHash, generateKeyPairSync, sign as nodeSign } from 'node:crypto';
import { constraintsFor } from '../../../src/authority/constraints.ts';
import { prepareCertificate, sign } from '../../../src/pki/prepare.ts';
import { auditTemplate } from '../../../src/pki/profile/audit.ts';
import { type EndEntityProfile, endEntityTemplate } from '../../../src/pki/profile/end-entity.ts';
import { issuingTemplate } from '../../../src/pki/profile/issuing.ts';
import { rootTemplate } from '../../../src/pki/profile/root.ts';
import type { Signer } from '../../../src/pki/signer.ts';
import type { CertificateTemplate } from '../../../src/pki/template.ts';
import { validityFor } from '../../../src/pki/validity.ts';
import { type KeyType, signatureAlgorithmFor } from '../../../src/pki/x509/algorithm.ts';
import { type Certificate, parseCertificate } from '../../../src/pki/x509/certificate.ts';
import { type GeneralName, ipName } from '../../../src/pki/x509/general-name.ts';

export const NOW = new Date('2026-06-15T12:00:00.000Z');
export const DAY = 86_400_000;
export const sha256 = (data: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(data).digest());

export interface TestKey {
  keyType: KeyType;
  spki: Uint8Array;
  /** PEM, for programs. */
  pem: string;
  signer: Signer;
}

/** A key made by node:crypto. */
export function testKey(keyType: KeyType): TestKey {
  const { publicKey, privateKey } = keyType.startsWith('rsa-')
    ? generateKeyPairSync('rsa', { modulusLength: Number(keyType.slice(4)) })
    : keyType === 'ed25519'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('ec', { namedCurve: keyType === 'ecdsa-p384' ? 'secp384r1' : 'prime256v1' });
  const hash = keyType === 'ed25519' ? null : keyType === 'ecdsa-p384' ? 'sha384' : 'sha256';
  return {
    keyType,
    spki: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    signer: { keyType, sign: async (data) => new Uint8Array(nodeSign(hash, data, privateKey)) },
  };
}

let serials = 0;

/** A serial of the right form; another one each time. */
export function testSerial(): Uint8Array {
  const serial = sha256(new TextEncoder().encode(`test serial ${serials++}`)).slice(0, 20);
  serial[0] = 0x40 | ((serial[0] as number) & 0x3f);
  return serial;
}

export interface TestCa {
  key: TestKey;
  certificate: Certificate;
}

function input(key: TestKey, days: number, issuer?: TestCa, now = NOW) {
  return {
    serialNumber: testSerial(),
    validity: validityFor(now, days * DAY, issuer?.certificate.notAfter),
    publicKey: key.spki,
    signatureAlgorithm: signatureAlgorithmFor((issuer?.key ?? key).keyType),
    sha256,
    ...(issuer === undefined ? {} : { issuer: issuer.certificate }),
  };
}

export async function certify(
  template: CertificateTemplate,
  issuer: TestCa | undefined,
  signer: Signer,
): Promise<Certificate> {
  return parseCertificate(await sign(prepareCertificate(template, issuer?.certificate, sha256), signer));
}

export async function testRoot(keyType: KeyType = 'ecdsa-p256', now = NOW): Promise<TestCa> {
  const key = testKey(keyType);
  return { key, certificate: await certify(rootFor(key, now), undefined, key.signer) };
}

export function rootFor(key: TestKey, now = NOW): CertificateTemplate {
  return rootTemplate(input(key, 3650, undefined, now), 'test Root CA G1');
}

export function issuingFor(key: TestKey, root: TestCa, now = NOW): CertificateTemplate {
  const constraints = constraintsFor(['test.internal'], ['10.0.0.0/8', '127.0.0.0/8', '::1/128']);
  return issuingTemplate(input(key, 1825, root, now), 'test Issuing CA G1.1', constraints);
}

export function auditFor(key: TestKey, root: TestCa): CertificateTemplate {
  return auditTemplate(input(key, 3650, root), 'test Audit G1');
}

export async function testIssuing(root: TestCa, keyType = root.key.keyType, now = NOW): Promise<TestCa> {
  const key = testKey(keyType);
  return { key, certificate: await certify(issuingFor(key, root, now), root, root.key.signer) };
}

export const NAMES: Record<EndEntityProfile, GeneralName[]> = {
  peer: [
    { type: 'dns', value: 'n1.test.internal' },
    { type: 'dns', value: 'localhost' },
    ipName('127.0.0.1'),
    ipName('::1'),
    { type: 'uri', value: 'spiffe://test.internal/node/n1/data' },
  ],
  server: [
    { type: 'dns', value: 'localhost' },
    { type: 'uri', value: 'spiffe://test.internal/node/n1/control' },
  ],
  client: [{ type: 'uri', value: 'spiffe://test.internal/client/n1' }],
  probe: [{ type: 'uri', value: 'spiffe://test.internal/probe/n1' }],
};

export function endEntityFor(
  key: TestKey,
  issuing: TestCa,
  profile: EndEntityProfile = 'peer',
  now = NOW,
  crlUrl?: string,
): CertificateTemplate {
  return endEntityTemplate({
    ...input(key, 90, issuing, now),
    profile,
    commonName: 'n1',
    subjectAltNames: NAMES[profile],
    ...(crlUrl === undefined ? {} : { crlUrl }),
  });
}
