import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { createVerifySignature } from '../../src/crypto/verify-signature.ts';
import { acceptCsr, makeCsr } from '../../src/pki/csr.ts';
import { DerError } from '../../src/pki/der/error.ts';
import { contextTag } from '../../src/pki/der/tags.ts';
import { sequence, tlv, unsignedInteger } from '../../src/pki/der/writer.ts';
import { LIMITS } from '../../src/pki/limits.ts';
import { decodePem, encodePem } from '../../src/pki/pem.ts';
import { encodeSigned } from '../../src/pki/template.ts';
import { KEY_TYPES, signatureAlgorithmFor } from '../../src/pki/x509/algorithm.ts';
import { parseCsr } from '../../src/pki/x509/csr.ts';
import { encodeExtension } from '../../src/pki/x509/extension.ts';
import { basicConstraints, extensionRequest, keyUsage, subjectAltName } from '../../src/pki/x509/extensions.ts';
import { formatGeneralName, type GeneralName, ipName } from '../../src/pki/x509/general-name.ts';
import { commonName, encodeName } from '../../src/pki/x509/name.ts';
import { keyTypeOf } from '../../src/pki/x509/public-key.ts';
import { run } from '../support/cli.ts';
import { scratch } from '../support/scratch.ts';
import { testKey } from './support/authorities.ts';

const directory = await scratch('csr');
const verify = createVerifySignature();
const key = testKey('ecdsa-p256');
const NAMES: GeneralName[] = [{ type: 'dns', value: 'n1.test.internal' }, ipName('10.0.0.1'), ipName('::1')];

/** A request of these attributes, signed by its own key. */
async function request(attributes: Uint8Array[], signer = key.signer, spki = key.spki): Promise<Uint8Array> {
  const tbs = sequence(unsignedInteger(0), encodeName(commonName('n1')), spki, tlv(contextTag(0, true), ...attributes));
  return encodeSigned(tbs, signatureAlgorithmFor(signer.keyType), await signer.sign(tbs));
}

const asking = (...extensions: Parameters<typeof encodeExtension>[0][]): Uint8Array =>
  extensionRequest(extensions.map(encodeExtension));
const POLICY = { code: 'ERR_POLICY', exitCode: 5 };
const refusal = async (der: Promise<Uint8Array>): Promise<unknown> => {
  const bytes = await der;
  try {
    return acceptCsr(bytes, verify);
  } catch (error) {
    return error;
  }
};

describe('made', () => {
  test.each(KEY_TYPES)('with a key of type %s: openssl takes it, and so do we', async (keyType) => {
    const own = testKey(keyType);
    const der = await makeCsr('n1', NAMES, own.spki, own.signer);
    const file = join(directory, `${keyType}.pem`);
    writeFileSync(file, encodePem('CERTIFICATE REQUEST', der));
    const shown = await run('openssl', ['req', '-in', file, '-noout', '-verify', '-text']);
    expect([shown.code, shown.stderr]).toEqual([0, expect.stringContaining('verify OK')]);
    expect(shown.stdout).toContain('DNS:n1.test.internal, IP Address:10.0.0.1, IP Address:0:0:0:0:0:0:0:1');
    const { csr, names } = acceptCsr(der, verify);
    expect(names).toEqual(NAMES);
    expect(keyTypeOf(csr.publicKey)).toBe(keyType);
  });

  test('without names it asks for none, and has its attributes all the same (RFC 2986 §4.1)', async () => {
    const der = await makeCsr('n1', [], key.spki, key.signer);
    expect(acceptCsr(der, verify).names).toEqual([]);
    expect(Buffer.from(der).includes(Buffer.from([0xa0, 0x00]))).toBe(true);
  });
});

describe('made by openssl', () => {
  const openssl = async (name: string, args: string[], config = ''): Promise<Uint8Array> => {
    const [out, conf] = [join(directory, `${name}.pem`), join(directory, `${name}.cnf`)];
    writeFileSync(conf, `[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=n1\n${config}`);
    const made = await run('openssl', [
      'req',
      '-new',
      '-nodes',
      '-config',
      conf,
      '-keyout',
      `${out}.key`,
      '-out',
      out,
      ...args,
    ]);
    expect([made.code, made.stderr]).toEqual([0, expect.anything()]);
    return decodePem(readFileSync(out))[0]?.bytes as Uint8Array;
  };
  const P256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

  test.each<[string, string[], string]>([
    ['P-256', P256, 'ecdsa-p256'],
    ['P-384', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-sha384'], 'ecdsa-p384'],
    ['P-384 signed with SHA-256', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-sha256'], 'ecdsa-p384'],
    ['RSA 2048', ['-newkey', 'rsa:2048'], 'rsa-2048'],
    ['RSA 3072 with SHA-512', ['-newkey', 'rsa:3072', '-sha512'], 'rsa-3072'],
    ['RSA 2048 PSS', ['-newkey', 'rsa:2048', '-sigopt', 'rsa_padding_mode:pss'], 'rsa-2048'],
    ['Ed25519', ['-newkey', 'ed25519'], 'ed25519'],
  ])('%s', async (name, args, keyType) => {
    const added = ['-addext', 'subjectAltName=DNS:a.test.internal,IP:10.1.2.3,URI:spiffe://x/y,email:a@b.c'];
    const der = await openssl(name.replaceAll(' ', '-'), [...args, ...added]);
    const { csr, names } = acceptCsr(der, verify);
    expect(keyTypeOf(csr.publicKey)).toBe(keyType);
    expect(names.map(formatGeneralName)).toEqual([
      'DNS:a.test.internal',
      'IP:10.1.2.3',
      'URI:spiffe://x/y',
      'email:a@b.c',
    ]);
  });

  test('with other attributes and extensions, which are ignored', async () => {
    const config =
      '[more]\nkeyUsage=critical,keyEncipherment\nextendedKeyUsage=codeSigning\nbasicConstraints=CA:FALSE\n';
    const der = await openssl(
      'more',
      [...P256, '-reqexts', 'more'],
      `[req]\nattributes=attrs\n[attrs]\nchallengePassword=secret12\n${config}`,
    );
    expect(acceptCsr(der, verify).names).toEqual([]);
  });

  test('that asks for CA:TRUE is refused', async () => {
    const der = await openssl('ca', [...P256, '-addext', 'basicConstraints=critical,CA:TRUE']);
    expect(() => acceptCsr(der, verify)).toThrow(
      expect.objectContaining({ ...POLICY, message: expect.stringContaining('CA:TRUE') }),
    );
  });

  test('an RSA-PSS key is none of our key types', async () => {
    const der = await openssl('pss', ['-newkey', 'rsa-pss', '-pkeyopt', 'rsa_keygen_bits:2048']);
    expect(keyTypeOf(parseCsr(der).publicKey)).toBeUndefined();
  });
});

describe('refused', () => {
  test('a broken signature: every octet of it, and of what it signs', async () => {
    const der = await makeCsr('n1', NAMES, key.spki, key.signer);
    for (let at = 4; at < der.length; at++) {
      const changed = Uint8Array.from(der);
      changed[at] = (changed[at] as number) ^ 1;
      const error = await refusal(Promise.resolve(changed));
      expect(error).toBeInstanceOf(Error);
      expect(['ERR_POLICY', 'ERR_CONFIG']).toContain((error as { code: string }).code);
    }
  });

  test('signed by another key', async () => {
    const other = testKey('ecdsa-p256');
    expect(await refusal(request([], other.signer))).toMatchObject({
      ...POLICY,
      message: expect.stringContaining('self-signature'),
    });
  });

  test('the extensionRequest attribute twice', async () => {
    const first = asking(subjectAltName([{ type: 'dns', value: 'a.test.internal' }]));
    const second = asking(subjectAltName([{ type: 'dns', value: 'evil.example' }]));
    expect(await refusal(request([first, second]))).toBeInstanceOf(DerError);
    expect(await refusal(request([first, first]))).toBeInstanceOf(DerError);
  });

  test('one extension twice in it', async () => {
    const twice = asking(basicConstraints(false), basicConstraints(true));
    expect(await refusal(request([twice]))).toBeInstanceOf(DerError);
  });

  test('CA:TRUE in any form', async () => {
    expect(await refusal(request([asking(basicConstraints(true))]))).toMatchObject(POLICY);
    expect(await refusal(request([asking(basicConstraints(true, 3), keyUsage('keyCertSign'))]))).toMatchObject(POLICY);
    const notCritical = { ...basicConstraints(true), critical: false };
    expect(await refusal(request([asking(notCritical)]))).toMatchObject(POLICY);
  });

  test('extensions that cannot be read', async () => {
    const broken = { ...subjectAltName([]), value: Uint8Array.of(0x04, 0) };
    expect(await refusal(request([asking(broken)]))).toMatchObject(POLICY);
    expect(await refusal(request([asking({ ...basicConstraints(true), value: Uint8Array.of(1) })]))).toMatchObject(
      POLICY,
    );
    expect(await refusal(request([asking(subjectAltName([]))]))).toMatchObject(POLICY);
  });

  test('another version, no attributes, data behind, too large', async () => {
    const tbs = sequence(unsignedInteger(1), encodeName(commonName('n1')), key.spki, tlv(0xa0));
    expect(() => parseCsr(encodeSigned(tbs, signatureAlgorithmFor('ecdsa-p256'), new Uint8Array(8)))).toThrow(DerError);
    const der = await makeCsr('n1', [], key.spki, key.signer);
    expect(() => parseCsr(Uint8Array.from([...der, 0]))).toThrow(DerError);
    expect(() => parseCsr(new Uint8Array(LIMITS.certificate + 1))).toThrow('larger than');
    for (let end = 0; end < der.length; end += 7) expect(() => parseCsr(der.subarray(0, end))).toThrow(DerError);
  });
});
