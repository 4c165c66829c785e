import { encodeCanonical } from '../../../src/keystore/canonical.ts';
import type { CertificateRow } from '../../../src/keystore/certificates/row.ts';
import { type SealContext, seal } from '../../../src/keystore/envelope/seal.ts';
import { deriveKek, type Secret } from '../../../src/keystore/envelope/slot.ts';
import { encodeSignedLine } from '../../../src/keystore/log/record.ts';
import { encodePack, type PackedCertificate } from '../../../src/keystore/pack.ts';
import { CERTIFICATE_ROW, REQUEST_ROW, REVOKED_ROW, SERIAL_ROW } from '../../../src/keystore/snapshot/rows.ts';
import { TIME_ROW } from '../../../src/keystore/snapshot/time-row.ts';
import { toBase64, toHex } from '../../../src/pki/encoding.ts';
import { fixedBytes, fixedEd25519 } from './deterministic-keys.ts';

const hex = (bytes: Uint8Array): string => toHex(bytes);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** What the code makes of fixed inputs, by the name of the vector file. */
export async function jsonVectors(): Promise<Record<string, unknown>> {
  return {
    'canonical.json': canonical(),
    'sealing.json': sealings(),
    'kek.json': await keks(),
    'signed-line.json': await signedLines(),
    'pack.json': packs(),
    'rows.json': rows(),
  };
}

function canonical() {
  const values = [
    '{}',
    '[]',
    '{"b":[1,true],"a":"é\\n"}',
    '{ "z" : 0, "a" : { "y" : -1, "b" : 9007199254740991 } }',
    '{"a":"\\u0000\\u001f\\u007f\\u2028\\/\\"\\\\\\b\\f\\n\\r\\t"}',
    '{"é":1,"e":2,"E":3,"_":4,"":5,"\\ud83d\\ude00":6,"\\uffff":7}',
    '[[[{"a":[]}],false],"\\u20ac"]',
    '"\\u000F"',
  ];
  const refused = [
    '{"a":1.0}',
    '{"a":1e2}',
    '{"a":-0}',
    '{"a":1.5}',
    '{"a":9007199254740992}',
    '{"a":1,"a":1}',
    '{"b":1,"a":1}',
    '{"a": 1}',
    '{"a":1}\n',
    ' {"a":1}',
    '{"1":1}',
    '{"007":1}',
    '["\\u0041"]',
    '["\\/"]',
    '["\\u000a"]',
    '["\\u001F"]',
    '["\\ud800"]',
    '[01]',
    '[+1]',
    '[1,]',
    '{a:1}',
    '\ufeff{}',
    '',
    'nul',
    `${'['.repeat(33)}${']'.repeat(33)}`,
    '['.repeat(400),
  ];
  const accepted = values.map((input) => ({ input, canonical: encodeCanonical(JSON.parse(input)) }));
  return { accepted: accepted.map((entry) => ({ ...entry, hex: hex(text(entry.canonical)) })), refused };
}

function sealings() {
  const contexts: SealContext[] = [
    { type: 'slot-daily', keyId: '0011223344556677', algorithm: 'master-key', spkiSha256: '', epoch: 1 },
    { type: 'slot-root', keyId: 'ffffffffffffffff', algorithm: 'master-key', spkiSha256: '', epoch: 12 },
    {
      type: 'sealed-key-daily',
      keyId: '000102030405060708090a0b0c0d0e0f',
      algorithm: 'ed25519',
      spkiSha256: hex(fixedBytes('spki', 32)),
      epoch: 3,
    },
  ].map((context) => ({ keystoreId: hex(fixedBytes('sealing keystore', 16)), ...context }));
  return contexts.map((context, i) => {
    const [key, salt] = [fixedBytes(`sealing key ${i}`, 32), fixedBytes(`sealing salt ${i}`, 32)];
    const plaintext = fixedBytes(`sealed ${i}`, 32 + 16 * i);
    const sealed = seal(key, context, plaintext, salt);
    return { key: hex(key), context, plaintext: hex(plaintext), sealed };
  });
}

async function keks() {
  const salt = toBase64(fixedBytes('kek salt', 32));
  const secrets = [
    { kind: 'passphrase', secret: 'correct horse battery staple', n: 2 ** 17, p: 1 },
    { kind: 'passphrase', secret: 'mot de passe très secret', n: 2 ** 17, p: 2 },
    { kind: 'key-file', secret: 'cluster-ca test vector key file!' },
  ] as const;
  const out = [];
  for (const entry of secrets) {
    const secret: Secret = { kind: entry.kind, bytes: text(entry.secret) };
    const kdf =
      entry.kind === 'passphrase'
        ? { name: 'scrypt' as const, n: entry.n, r: 8, p: entry.p, salt }
        : { name: 'hkdf-sha256' as const, salt };
    out.push({ kind: entry.kind, secret: entry.secret, kdf, kek: hex(await deriveKek(secret, kdf)) });
  }
  return out;
}

async function signedLines() {
  const key = fixedEd25519('signed line key');
  const keystoreId = hex(fixedBytes('signed line keystore', 16));
  const value = { z: [1, 2, 3], a: 'é', nested: { b: true, a: '' } };
  const out = [];
  for (const domain of ['log', 'snapshot']) {
    const file = await encodeSignedLine(domain, keystoreId, value, key.signer);
    out.push({ domain, keystoreId, publicKey: hex(key.spki), file: hex(file) });
  }
  return out;
}

function packs() {
  const certificates: PackedCertificate[] = [
    { kind: 'node', name: 'redis-1', plane: 'data', profile: 'peer', der: fixedBytes('first', 40) },
    { kind: 'client', name: 'App_rw@a.b-c', plane: '', profile: 'client', der: fixedBytes('second', 7) },
    { kind: 'probe', name: 'p', plane: '', profile: 'probe', der: new Uint8Array(0) },
  ];
  const shown = (list: PackedCertificate[]) => list.map(({ der, ...entry }) => ({ ...entry, der: hex(der) }));
  return [[], certificates].map((list) => ({ certificates: shown(list), pack: hex(encodePack(list)) }));
}

function rows() {
  const [serial, pack] = [`40${'ab'.repeat(19)}`, 'cd'.repeat(32)];
  const certificate: CertificateRow = {
    kind: 'node',
    name: 'redis-1',
    plane: 'data',
    profile: 'server',
    serial,
    authority: 'issuing-g1.1',
    notBefore: Date.parse('2026-01-02T03:04:05.000Z'),
    notAfter: Date.parse('2049-12-31T23:59:59.000Z'),
    dueAt: Date.parse('2026-02-01T00:00:00.001Z'),
    seq: 2 ** 33 + 5,
    position: 515,
    pack,
    abandoned: true,
  };
  const revoked = { at: Date.parse('2026-01-03T00:00:00.123Z'), reason: 'aACompromise' as const };
  const client: CertificateRow = {
    ...certificate,
    kind: 'client',
    name: 'x'.repeat(64),
    plane: '',
    profile: 'client',
    abandoned: false,
    revoked: { ...revoked, invalidityDate: 1 },
  };
  const key = CERTIFICATE_ROW.encode(certificate).subarray(0, CERTIFICATE_ROW.keyWidth);
  const time = { notAfter: certificate.notAfter, serial, dueAt: certificate.dueAt, notBefore: certificate.notBefore };
  const short = { authority: 'root-g1', serial: '0102', ...revoked };
  return {
    certificates: [certificate, client].map((value) => ({ value, row: hex(CERTIFICATE_ROW.encode(value)) })),
    serials: [{ value: { serial, key: hex(key) }, row: hex(SERIAL_ROW.encode({ serial, key })) }],
    times: [
      { ...time, kind: 'node' as const, superseded: true, revoked: false },
      { ...time, kind: 'probe' as const, superseded: false, revoked: true },
    ].map((value) => ({ value, row: hex(TIME_ROW.encode(value)) })),
    revoked: [short, { ...short, serial, invalidityDate: 1000, notAfter: certificate.notAfter }].map((value) => ({
      value,
      row: hex(REVOKED_ROW.encode(value)),
    })),
    requests: [{ id: 'ef'.repeat(16), seq: 7, hash: pack }].map((value) => ({
      value,
      row: hex(REQUEST_ROW.encode(value)),
    })),
  };
}
