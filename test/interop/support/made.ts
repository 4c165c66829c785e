import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signCrl } from '../../../src/authority/sign-crl.ts';
import { encodePem } from '../../../src/pki/pem.ts';
import type { EndEntityProfile } from '../../../src/pki/profile/end-entity.ts';
import { CA_KEY_TYPES, KEY_TYPES, type KeyType } from '../../../src/pki/x509/algorithm.ts';
import type { Certificate } from '../../../src/pki/x509/certificate.ts';
import {
  certify,
  endEntityFor,
  type TestCa,
  type TestKey,
  testIssuing,
  testKey,
  testRoot,
} from '../../pki/support/authorities.ts';

// Everything that the code makes: for each key type of a CA a root, an issuing CA and their CRLs; below it a
// certificate of each profile and each key type. As files, for other programs.

export interface MadeCertificate {
  caType: KeyType;
  keyType: KeyType;
  profile: EndEntityProfile;
  certificate: Certificate;
  /** Paths of PEM files: the certificate with the issuing CA behind it, and its key. */
  chain: string;
  key: string;
  revoked: boolean;
}

export interface MadeCa {
  caType: KeyType;
  root: TestCa;
  issuing: TestCa;
  files: { root: string; issuing: string; crls: string; chain: string };
  certificates: MadeCertificate[];
}

const pem = (certificate: Certificate): string => encodePem('CERTIFICATE', certificate.der);
const keys = new Map<KeyType, TestKey>();
const keyOf = (keyType: KeyType): TestKey => {
  const key = keys.get(keyType) ?? testKey(keyType);
  keys.set(keyType, key);
  return key;
};

/** The whole matrix, below a directory, valid now. */
export async function makeAll(directory: string): Promise<MadeCa[]> {
  const out: MadeCa[] = [];
  for (const caType of CA_KEY_TYPES) out.push(await makeCa(join(directory, caType), caType));
  return out;
}

async function makeCa(directory: string, caType: KeyType): Promise<MadeCa> {
  mkdirSync(directory, { recursive: true });
  const write = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const now = new Date();
  const root = await testRoot(caType, now);
  const issuing = await testIssuing(root, caType, now);
  const certificates: MadeCertificate[] = [];
  const make = async (keyType: KeyType, profile: EndEntityProfile, revoked = false): Promise<void> => {
    const key = keyOf(keyType);
    const certificate = await certify(endEntityFor(key, issuing, profile, now), issuing, issuing.key.signer);
    const name = `${profile}-${keyType}${revoked ? '-revoked' : ''}`;
    const chain = write(`${name}.pem`, pem(certificate) + pem(issuing.certificate));
    certificates.push({ caType, keyType, profile, certificate, chain, key: write(`${name}.key`, key.pem), revoked });
  };
  for (const keyType of KEY_TYPES)
    for (const profile of ['peer', 'server', 'client'] as const) await make(keyType, profile);
  await make('ecdsa-p256', 'probe');
  await make('ecdsa-p256', 'peer', true);
  const crls = await makeCrls(root, issuing, certificates, now);
  const files = {
    root: write('root.pem', pem(root.certificate)),
    issuing: write('issuing.pem', pem(issuing.certificate)),
    crls: write('crl.pem', crls),
    chain: write('ca-chain.pem', pem(issuing.certificate) + pem(root.certificate)),
  };
  return { caType, root, issuing, files, certificates };
}

async function makeCrls(root: TestCa, issuing: TestCa, made: MadeCertificate[], now: Date): Promise<string> {
  const revoked = made
    .filter((one) => one.revoked)
    .map(({ certificate }) => ({
      authority: 'issuing-g1.1',
      serial: Buffer.from(certificate.serialNumber).toString('hex'),
      at: now.getTime(),
      reason: 'keyCompromise' as const,
    }));
  let out = '';
  for (const [authority, ca, entries] of [
    ['issuing-g1.1', issuing, revoked],
    ['root-g1', root, []],
  ] as const) {
    const { certificate: issuer, key } = ca;
    const request = { authority, issuer, signer: key.signer, revoked: [...entries], now, lifetime: 30 * 86_400 };
    out += encodePem('X509 CRL', (await signCrl(request)).der);
  }
  return out;
}

/** One line for the names of tests. */
export function describeMade({ caType, keyType, profile, revoked }: MadeCertificate): string {
  return `${profile} with ${keyType} under ${caType}${revoked ? ', revoked' : ''}`;
}

export function fingerprint(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}
