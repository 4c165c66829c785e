import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { sha256 } from '../../src/crypto/hash.ts';
import { publicKeyOf } from '../../src/crypto/private-key-info.ts';
import { createVerifySignature } from '../../src/crypto/verify-signature.ts';
import { toHex } from '../../src/pki/encoding.ts';
import { OID } from '../../src/pki/oids.ts';
import { type PathOptions, type PathVerdict, verifyPath } from '../../src/pki/path/index.ts';
import { decodePem } from '../../src/pki/pem.ts';
import { formatSerial } from '../../src/pki/serial.ts';
import { parseCertificate } from '../../src/pki/x509/certificate.ts';
import { parseCrl } from '../../src/pki/x509/crl.ts';
import { findExtension } from '../../src/pki/x509/extension.ts';
import { parseSubjectAltName } from '../../src/pki/x509/extensions.ts';
import { formatGeneralName } from '../../src/pki/x509/general-name.ts';
import { formatName, parseName } from '../../src/pki/x509/name.ts';
import { keyTypeOf } from '../../src/pki/x509/public-key.ts';
import { run } from '../support/cli.ts';
import { scratch } from '../support/scratch.ts';

// The reverse: we read and verify what openssl makes.

const directory = await scratch('reverse');
const verify = createVerifySignature();

const CONFIG = `
[req]
distinguished_name = dn
prompt = no
utf8 = yes
string_mask = utf8only
[dn]
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[issuing]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid,issuer
nameConstraints = critical,permitted;DNS:example.test,permitted;IP:10.0.0.0/255.0.0.0
certificatePolicies = 1.2.3.4
[leaf]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth,clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
certificatePolicies = 1.2.3.4
crlDistributionPoints = URI:http://crl.example.test/a.crl
authorityInfoAccess = OCSP;URI:http://ocsp.example.test
subjectAltName = DNS:a.example.test,DNS:*.example.test,IP:10.1.2.3,email:x@y.z,URI:https://a/b,RID:1.2.3,dirName:dir,otherName:1.2.3.4;UTF8:é
[dir]
CN = inside
[ca]
default_ca = it
[it]
database = index.txt
serial = serial
crlnumber = crlnumber
default_md = sha256
default_crl_days = 30
`;

async function openssl(cwd: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await run('openssl', args, { cwd });
  if (code !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
}

interface Chain {
  cwd: string;
  der: (name: string) => Uint8Array;
}

/** Root, issuing CA, leaf and a CRL that lists another leaf, all by openssl. */
async function makeChain(name: string, algorithm: string[], digest: string[]): Promise<Chain> {
  const cwd = join(directory, name);
  mkdirSync(cwd);
  writeFileSync(join(cwd, 'c.cnf'), CONFIG);
  for (const [file, text] of Object.entries({ 'index.txt': '', serial: '01\n', crlnumber: '1F\n' }))
    writeFileSync(join(cwd, file), text);
  const key = (file: string) => openssl(cwd, 'genpkey', ...algorithm, '-out', file);
  for (const file of ['root.key', 'issuing.key', 'leaf.key', 'bad.key']) await key(file);
  const subject = (cn: string) => ['-subj', `/C=DE/O=Exämple, Inc.+OU=a=b/CN=${cn}`, '-utf8'];
  const root = ['-x509', '-config', 'c.cnf', '-extensions', 'root', '-days', '3650', ...digest];
  await openssl(cwd, 'req', '-new', '-key', 'root.key', '-out', 'root.pem', ...subject('Root'), ...root);
  const sign = async (file: string, cn: string, section: string, ca: string) => {
    await openssl(cwd, 'req', '-new', '-config', 'c.cnf', '-key', `${file}.key`, '-out', `${file}.csr`, ...subject(cn));
    const by = ['-CA', `${ca}.pem`, '-CAkey', `${ca}.key`, '-CAcreateserial', '-days', '90', ...digest];
    const with_ = ['-extfile', 'c.cnf', '-extensions', section];
    await openssl(cwd, 'x509', '-req', '-in', `${file}.csr`, '-out', `${file}.pem`, ...by, ...with_);
  };
  await sign('issuing', 'Issuing', 'issuing', 'root');
  await sign('leaf', 'a.example.test', 'leaf', 'issuing');
  await sign('bad', 'b.example.test', 'leaf', 'issuing');
  const ca = ['ca', '-config', 'c.cnf', '-cert', 'issuing.pem', '-keyfile', 'issuing.key'];
  await openssl(cwd, ...ca, '-revoke', 'bad.pem', '-crl_reason', 'keyCompromise');
  await openssl(cwd, ...ca, '-gencrl', '-out', 'issuing.crl');
  writeFileSync(join(cwd, 'index.txt'), '');
  await openssl(
    cwd,
    'ca',
    '-config',
    'c.cnf',
    '-cert',
    'root.pem',
    '-keyfile',
    'root.key',
    '-gencrl',
    '-out',
    'root.crl',
  );
  return { cwd, der: (file) => decodePem(readFileSync(join(cwd, file)))[0]?.bytes as Uint8Array };
}

function verdict({ der }: Chain, target: string, options: PathOptions = {}): PathVerdict {
  return verifyPath({
    target: { der: der(target) },
    anchors: [{ der: der('root.pem') }],
    untrusted: [{ der: der('issuing.pem') }],
    crls: [{ der: der('issuing.crl') }, { der: der('root.crl') }],
    now: new Date(Date.now() + 1000),
    options,
    verify,
    sha256,
  });
}

const KINDS: [name: string, algorithm: string[], digest: string[], keyType: string | undefined][] = [
  ['p256', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'], [], 'ecdsa-p256'],
  ['p384', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'], ['-sha384'], 'ecdsa-p384'],
  ['p521', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-521'], ['-sha512'], undefined],
  ['rsa', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'], [], 'rsa-2048'],
  ['ed25519', ['-algorithm', 'ED25519'], [], 'ed25519'],
];

describe.each(KINDS)('%s', (name, algorithm, digest, keyType) => {
  const made = makeChain(name, algorithm, digest);

  test('its chain and CRLs verify, its revoked certificate does not', async () => {
    const chain = await made;
    const purposes = [OID.serverAuth];
    expect(verdict(chain, 'leaf.pem', { purposes }).failures).toEqual([]);
    const revoked = verdict(chain, 'bad.pem', { purposes });
    expect([revoked.valid, revoked.failures.map(({ code }) => code)]).toEqual([
      false,
      [expect.stringMatching(/revoked/i)],
    ]);
  });

  test('its certificate says the same to us as to openssl', async () => {
    const { cwd, der } = await made;
    const leaf = parseCertificate(der('leaf.pem'));
    const shown = async (...args: string[]) =>
      (await run('openssl', ['x509', '-in', 'leaf.pem', '-noout', ...args], { cwd })).stdout.trim();
    expect(formatSerial(leaf.serialNumber).toUpperCase()).toBe((await shown('-serial')).replace('serial=', ''));
    const rfc2253 = ['-nameopt', 'rfc2253,-esc_msb,utf8'];
    // The attributes of one RDN are a set: openssl shows them from the end.
    const name = async (which: string) => (await shown(which, ...rfc2253)).replace(/(O=.*)\+(OU=.*),C/, '$2+$1,C');
    expect(`subject=${formatName(parseName(leaf.subject))}`).toBe(await name('-subject'));
    expect(`issuer=${formatName(parseName(leaf.issuer))}`).toBe(await name('-issuer'));
    expect(`notAfter=${new Date(leaf.notAfter).toISOString()}`).toBe(
      `notAfter=${new Date((await shown('-enddate')).replace('notAfter=', '')).toISOString()}`,
    );
    expect(keyTypeOf(leaf.publicKey)).toBe(keyType);
    const names = parseSubjectAltName(findExtension(leaf.extensions, OID.subjectAltName)?.value as Uint8Array);
    expect(names.slice(0, 5).map(formatGeneralName)).toEqual([
      'DNS:a.example.test',
      'DNS:*.example.test',
      'IP:10.1.2.3',
      'email:x@y.z',
      'URI:https://a/b',
    ]);
    expect(names.slice(5).map(({ type }) => type)).toEqual(['registeredId', 'directory', 'other']);
  });

  test('its CRL says the same to us as to openssl', async () => {
    const { der } = await made;
    const crl = parseCrl(der('issuing.crl'));
    const [entry, more] = [...crl.entries()];
    expect(more).toBeUndefined();
    expect(toHex(entry?.serialNumber as Uint8Array)).toBe(toHex(parseCertificate(der('bad.pem')).serialNumber));
    expect(entry?.extensions.map(({ oid }) => oid)).toEqual([OID.cRLReason]);
    expect(crl.version).toBe(2);
  });

  test('its private key gives the public one', async () => {
    const { der } = await made;
    const spki = parseCertificate(der('leaf.pem')).publicKey.der;
    expect(publicKeyOf('pkcs8', der('leaf.key'))).toEqual(Buffer.from(spki));
  });
});
