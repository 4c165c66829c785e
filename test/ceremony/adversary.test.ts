import { createHash, X509Certificate } from 'node:crypto';
import { cp, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { crlContent } from '../../src/ceremony/crl-content.ts';
import type { CeremonyAnswer, CeremonyRequest } from '../../src/ceremony/documents.ts';
import type { Authority } from '../../src/keystore/log/parts.ts';
import { encodeTbsCertList } from '../../src/pki/crl.ts';
import { fromBase64, fromHex, toBase64 } from '../../src/pki/encoding.ts';
import { signatureAlgorithmFor } from '../../src/pki/x509/algorithm.ts';
import { parseCertificate } from '../../src/pki/x509/certificate.ts';
import { done, type Expected, fails } from '../cli/checks.ts';
import { newPlace } from '../support/clusters.ts';
import { warmCli } from '../support/warm.ts';
import { type Forge, holderOf, rootHolderOf } from './forged.ts';

// The holder of the daily secret signs requests as the keystore does (S2, S3). The root signs, and removes, what its holder
// was shown, and nothing else.
const here = await newPlace('here');
const there = await newPlace('there');
const at = (name: string): string => join(here.directory, name);
const off = (name: string): string => join(there.directory, name);
const env = { ...here.env, CLUSTER_CA_KEYSTORE: at('keystore'), CLUSTER_CA_KEY_FILE: at('key') };
const online = (args: string[]) => warmCli(args, { cwd: here.directory, env });
const offline = (args: string[]) => warmCli(args, { cwd: there.directory, env: { ...there.env } });
/** What signs which kind; everything that can be said beforehand is said. */
const VERBS: Record<string, string[]> = {
  crl: ['crl'],
  issuing: ['rollover', 'start'],
  root: ['rollover', 'start'],
  'last-crl': ['rollover', 'advance'],
  destroy: ['rollover', 'advance'],
};
const sign = (type: string, name: string) => [
  ...(VERBS[type] ?? []),
  '--sign',
  at(name),
  '--root-keystore',
  off('medium'),
  '--key-file',
  off('root.key'),
  '--out',
  off(`${name}.answer`),
  '--yes',
  '--confirm',
  'orders',
];
const sealed = async () => (await readdir(off('medium/sealed'))).toSorted();
const requestOf = async (name: string): Promise<CeremonyRequest> =>
  JSON.parse((await readFile(at(name), 'utf8')).split('\n')[0] as string);

let forge: Forge;
/** The old root, and one whose key is on the medium too. */
let g1: Authority;
let g2: Authority;

/** Signs nothing, removes nothing, leaves no answer. */
async function refused(
  from: string,
  change: (request: CeremonyRequest) => object,
  expected: Expected = 'ERR_CONFIG',
): Promise<string> {
  let type = '';
  await forge(at(from), at('forged'), (request) => {
    const changed = change(request);
    type = 'type' in changed ? String(changed.type) : request.type;
    return changed;
  });
  const before = await sealed();
  const { message } = await fails(offline, sign(type, 'forged'), expected);
  expect(await sealed()).toEqual(before);
  expect(await readdir(there.directory)).not.toContain('forged.answer');
  return message;
}

beforeAll(async () => {
  await done(online, ['init', 'orders', '--root-keystore', at('medium'), '--key-file', at('key')]);
  await rename(at('medium'), off('medium'));
  await cp(at('key'), off('root.key'));
  await done(online, ['crl', '--renew', '--authority', 'root-g1', '--request', at('crl')]);
  await done(online, ['rollover', 'start', '--issuing', '--request', at('issuing')]);
  await done(online, ['rollover', 'start', '--request', at('root')]);
  await done(offline, sign('root', 'root'));
  const answer: CeremonyAnswer = JSON.parse(await readFile(off('root.answer'), 'utf8'));
  g1 = (await requestOf('crl')).authority;
  const [certificate = ''] = answer.certificates ?? [];
  g2 = { ...g1, id: 'root-g2', generation: 2, certificate, sealed: answer.sealed as Authority['sealed'] };
  forge = await holderOf(at('keystore'), at('key'));
});

describe('what is destroyed', () => {
  test('the key that signs is never removed, whatever name it is given', async () => {
    const own = (request: CeremonyRequest, more: object = {}) => ({ ...request.authority, id: 'root-g9', ...more });
    await refused('crl', (request) => ({ ...request, destroyed: [own(request)] }));
    const destroy = ({ tbs: _, ...request }: CeremonyRequest, destroyed: object[], more: object = {}) => ({
      ...request,
      type: 'destroy',
      destroyed,
      ...more,
    });
    await refused('crl', (request) => destroy(request, [own(request)]));
    await refused('crl', (request) => destroy(request, [request.authority]));
    await refused('crl', (request) => destroy(request, [own(request, { generation: 9 })]));
    // Another root is shown, and this one's file would go; and the reverse.
    const swapped = 'is not the key of root-g2';
    expect(
      await refused('crl', (request) => destroy(request, [{ ...g2, sealed: g1.sealed }], { authority: g1 })),
    ).toContain('the one that signs');
    expect(
      await refused('crl', (request) => destroy(request, [g1], { authority: { ...g2, sealed: g1.sealed } })),
    ).toContain('the one that signs');
    expect(
      await refused('crl', (request) =>
        destroy(request, [{ ...g1, sealed: { ...g1.sealed, keyId: '0'.repeat(32) } }], {
          authority: { ...g2, sealed: g1.sealed },
        }),
      ),
    ).toContain(swapped);
  });

  test('a kind asks for what it says, and for nothing besides', async () => {
    const { ca } = await requestOf('issuing');
    const { tbs, slots } = await requestOf('crl');
    for (const change of [
      { ca },
      { destroyed: [g2] },
      { destroyed: [] },
      { v: 2 },
      { slots: [...slots, ...slots] },
      { slots: slots.map((slot) => ({ ...slot, domain: 'daily' })) },
      { tbs: undefined },
      { type: 'destroy' },
    ])
      await refused('crl', (request) => ({ ...request, ...change }));
    for (const change of [{ destroyed: [g2] }, { ca: undefined }, { type: 'last-crl' }])
      await refused('issuing', (request) => ({ ...request, ...change }));
    for (const change of [{ tbs }, { destroyed: [g2] }, { type: 'issuing', tbs, destroyed: [g2] }])
      await refused('root', (request) => ({ ...request, ...change }));
  });

  test('a root’s certificate is that root’s own: name, generation, key and signature', async () => {
    const [, other = ''] =
      (JSON.parse(await readFile(off('root.answer'), 'utf8')) as CeremonyAnswer).certificates ?? [];
    for (const change of [
      { cluster: 'others' },
      { authority: { ...g1, id: 'root-g2' } },
      { authority: { ...g1, id: 'root-g2', generation: 2 } },
      { authority: { ...g1, role: 'issuing', id: 'issuing-g1.1' } },
      { authority: { ...g1, keyType: 'rsa-4096' } },
      { authority: { ...g1, certificate: other } },
      { authority: { ...g1, certificate: g2.certificate } },
      { authority: { ...g1, certificate: altered(g1.certificate) } },
      { authority: { ...g1, sealed: { ...g1.sealed, domain: 'daily' } } },
      { authority: { ...g1, sealed: g2.sealed } },
    ])
      await refused('crl', (request) => ({ ...request, ...change }));
  });

  test('one that may go is shown by its fingerprint, and goes with every file that has its key', async () => {
    const { keyId, epoch, sha256 } = g2.sealed;
    // As an interrupted rewrap leaves it: the name in the request is not that of the file.
    await forge(at('crl'), at('destroy'), ({ tbs: _, ...request }) => ({
      ...request,
      type: 'destroy',
      destroyed: [{ ...g2, sealed: { keyId, epoch: epoch + 1, domain: 'root', sha256 } }],
    }));
    const before = await sealed();
    const shown = await offline([...sign('destroy', 'destroy'), '--dry-run']);
    const der = Buffer.from(g2.certificate, 'base64');
    const fingerprint = createHash('sha256').update(der).digest('hex');
    for (const word of ['root-g2', new X509Certificate(der).subject, `fingerprint ${fingerprint}`])
      expect(shown.stdout).toContain(word);
    expect(await sealed()).toEqual(before);
    await done(offline, sign('destroy', 'destroy'));
    expect(await sealed()).toEqual(before.filter((name) => name !== `${keyId}.${epoch}`));
  });
});

describe('what new CAs say', () => {
  const changed = (change: object) => (request: CeremonyRequest) => ({ ...request, ca: { ...request.ca, ...change } });

  test.each([
    '',
    '.',
    '.orders.internal',
    'Orders.internal',
    'a..b',
    'x.internal\nfingerprint 00',
    '\u001b[2Jx',
    '10.0.0.1',
  ])('a domain that is none is not permitted: %j', async (domain) => {
    await refused('issuing', changed({ domains: [domain] }));
  });

  test('names, ranges, lifetimes, keys, numbers and times are those that could have been asked for', async () => {
    const { ca } = await requestOf('issuing');
    const [serial = ''] = ca?.serials ?? [];
    const { publicKey } = new X509Certificate(Buffer.from(g1.certificate, 'base64'));
    const rootKey = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    for (const change of [
      { domains: [] },
      { domains: ['orders.internal', 'orders.internal'] },
      { permitIp: ['10.0.0.1/8'] },
      { permitIp: ['everything'] },
      { issuingLifetime: 0 },
      { issuingLifetime: 2 ** 50, rootLifetime: 2 ** 50 },
      { issuingLifetime: 2, rootLifetime: 1 },
      { keyType: 'ed25519' },
      { keyType: 'ecdsa-p384' },
      { spki: rootKey },
      { sealed: { ...ca?.sealed, domain: 'root' } },
      { serials: [] },
      { serials: [serial, serial] },
      { number: 1 },
      { number: 10 ** 9 },
      { generation: 2 },
    ])
      await refused('issuing', changed(change));
    await refused('issuing', changed({ serials: ['00'.repeat(20)] }), 'ERR_LINT');
    for (const createdAt of ['2001-01-01T00:00:00.000Z', '2099-01-01T00:00:00.000Z'])
      await refused('issuing', (request) => ({ ...request, createdAt }));
    for (const change of [{ generation: 1 }, { number: 2 }, { serials: [serial] }, { serials: Array(4).fill(serial) }])
      await refused('root', changed(change));
  });

  test('what is permitted is shown in quotes, by the octets that are signed, and what is wide is pointed out', async () => {
    await forge(
      at('issuing'),
      at('wide'),
      changed({ domains: ['com'], permitIp: ['0.0.0.0/0', '10.1.0.0/16', '::/0'] }),
    );
    const { stdout } = await offline([...sign('issuing', 'wide'), '--dry-run']);
    for (const words of ['"com"', '"0.0.0.0/0"', '"::/0"', '"com" is one label', '0.0.0.0/0 is not of the private'])
      expect(stdout).toContain(words);
    const shown = await done<Record<string, string[]>>(offline, [...sign('issuing', 'wide'), '--dry-run']);
    expect(shown.permits).toEqual(['com', 'localhost', '0.0.0.0/0', '10.1.0.0/16', '::/0']);
    expect(shown.beware).toHaveLength(3);
    expect(await done(offline, [...sign('issuing', 'issuing'), '--dry-run'])).not.toHaveProperty('beware');
  });
});

describe('what a CRL says', () => {
  /** The CRL of the request, said anew. */
  const crl = (change: object) => (request: CeremonyRequest) => {
    const issuer = parseCertificate(fromBase64(request.authority.certificate));
    const content = crlContent(fromBase64(request.tbs ?? ''), request.authority);
    const signatureAlgorithm = signatureAlgorithmFor(request.authority.keyType);
    return { ...request, tbs: toBase64(encodeTbsCertList({ ...content, issuer, signatureAlgorithm, ...change })) };
  };
  const serialNumber = fromHex('41'.repeat(20));
  const year = (years: number): Date => new Date(Date.now() + years * 365 * 86_400_000);

  test('nothing is in it that is not shown: no scope, no end beyond the root’s, no number that is the last', async () => {
    for (const change of [
      { url: 'http://crl.example.com/other.crl' },
      { nextUpdate: year(100) },
      { thisUpdate: year(-50) },
      { number: 2n ** 159n - 1n },
      { number: 10n ** 16n },
      { entries: [{ serialNumber, revocationDate: year(1), reason: 'unspecified' }] },
      { issuer: parseCertificate(fromBase64(g2.certificate)) },
    ])
      await refused('crl', crl(change));
    await refused('crl', (request) => ({ ...request, tbs: toBase64(fromHex('3003020101')) }));
    await refused('issuing', (request) => ({ ...request, tbs: g1.certificate }));
  });

  test('each entry is shown with its time and reason', async () => {
    const revocationDate = new Date('2026-01-02T03:04:05.000Z');
    const invalidityDate = new Date('2025-12-31T00:00:00.000Z');
    const entries = [{ serialNumber, revocationDate, invalidityDate, reason: 'keyCompromise' }];
    await forge(at('crl'), at('listed'), crl({ entries }));
    const { stdout } = await offline([...sign('crl', 'listed'), '--dry-run']);
    expect(stdout.replace(/\s+/g, ' ')).toContain(
      `${'41'.repeat(20)} at 2026-01-02T03:04:05.000Z, keyCompromise, invalid from 2025-12-31T00:00:00.000Z`,
    );
  });

  test('one that is odd, or of an old request, is pointed out and wants a yes', async () => {
    await forge(at('crl'), at('odd-number'), crl({ number: BigInt(year(20).getTime()) }));
    await forge(at('crl'), at('odd-time'), crl({ thisUpdate: year(1) }));
    await forge(at('crl'), at('old'), (request) => ({ ...request, createdAt: year(-1).toISOString() }));
    // Of one piece, but ahead of this clock.
    const ahead = { thisUpdate: year(1), nextUpdate: year(2) };
    await forge(at('crl'), at('ahead'), (request) => ({
      ...crl(ahead)(request),
      createdAt: ahead.thisUpdate.toISOString(),
    }));
    const beware: Record<string, string> = {
      'odd-number': 'number',
      'odd-time': 'not of the time',
      old: 'not of the time',
    };
    const warned: Record<string, string> = { old: 'days old', ahead: 'days ahead' };
    for (const name of ['odd-number', 'odd-time', 'old', 'ahead']) {
      const flags = sign('crl', name).filter((word) => word !== '--yes');
      await fails(offline, flags, 'ERR_INPUT_REQUIRED');
      expect(await readdir(there.directory)).not.toContain(`${name}.answer`);
      const shown = await done<{ beware?: string[] }>(offline, [...flags, '--dry-run']);
      expect(shown.beware?.join() ?? '').toContain(beware[name] ?? '');
      expect(shown.warnings?.join() ?? '').toContain(warned[name] ?? '');
    }
    const plain = sign('crl', 'crl').filter((word) => word !== '--yes');
    expect(await done(offline, plain)).not.toHaveProperty('beware');
  });
});

describe('what comes back', () => {
  const take = (type: string, name: string) => [...(VERBS[type] ?? []), '--accept', off(name), '--yes'];

  test('an answer has what was asked for, no more and no less, and of that request', async () => {
    await done(offline, sign('issuing', 'issuing'));
    await done(online, ['crl', '--renew', '--authority', 'root-g1', '--request', at('listed-again')]);
    await done(offline, sign('crl', 'listed-again'));
    const answerForged = await rootHolderOf(at('keystore'), off('medium'), at('key'));
    const read = async (name: string): Promise<CeremonyAnswer> => JSON.parse(await readFile(off(name), 'utf8'));
    const [issuing, root, crl] = [
      await read('issuing.answer'),
      await read('root.answer'),
      await read('listed-again.answer'),
    ];
    const records = await readdir(at('keystore/log/0'));
    const refusedAnswers: [string, string, object, Expected][] = [
      ['issuing', 'issuing.answer', { v: 2 }, 'ERR_CONFIG'],
      ['issuing', 'issuing.answer', { certificates: undefined }, 'ERR_CONFIG'],
      ['issuing', 'issuing.answer', { certificates: [] }, 'ERR_CONFIG'],
      ['issuing', 'issuing.answer', { destroyed: ['root-g1'] }, 'ERR_CONFIG'],
      ['issuing', 'issuing.answer', { crl: crl.crl }, 'ERR_POLICY'],
      ['issuing', 'issuing.answer', { crl: undefined }, 'ERR_CONFIG'],
      ['issuing', 'issuing.answer', { sealed: root.sealed }, 'ERR_CONFIG'],
      ['issuing', 'issuing.answer', { certificates: [root.certificates?.[1]] }, 'ERR_POLICY'],
      ['issuing', 'issuing.answer', { request: root.request }, 'ERR_CONFIG'],
      ['root', 'root.answer', { crl: crl.crl }, 'ERR_LINT'],
      ['root', 'root.answer', { sealed: { ...root.sealed, domain: 'daily' } }, 'ERR_CONFIG'],
      ['root', 'root.answer', { sealed: undefined }, 'ERR_CONFIG'],
      ['crl', 'listed-again.answer', { crl: undefined }, 'ERR_CONFIG'],
      ['crl', 'listed-again.answer', { crl: root.crl }, 'ERR_LINT'],
      ['crl', 'listed-again.answer', { certificates: issuing.certificates }, 'ERR_CONFIG'],
      ['destroy', 'destroy.answer', { destroyed: [] }, 'ERR_CONFIG'],
      ['destroy', 'destroy.answer', { destroyed: ['root-g1'] }, 'ERR_CONFIG'],
      // As it came: the log knows of no such root.
      ['destroy', 'destroy.answer', {}, 'ERR_CONFIG'],
    ];
    for (const [type, name, change, expected] of refusedAnswers) {
      await answerForged(off(name), off('changed.answer'), change);
      await fails(online, [...take(type, 'changed.answer'), ...(type === 'destroy' ? [] : ['--dry-run'])], expected);
    }
    expect(await readdir(at('keystore/log/0'))).toEqual(records);
    await done(online, take('crl', 'listed-again.answer'));
  });
});

/** The same certificate, good for longer: one octet of its end is another. */
function altered(certificate = ''): string {
  const der = Buffer.from(certificate, 'base64');
  const text = der.toString('latin1');
  const end = [...text.matchAll(/\d{12}Z/g)][1]?.index ?? 0;
  der[end + 1] = (der[end + 1] as number) === 0x39 ? 0x38 : (der[end + 1] as number) + 1;
  return der.toString('base64');
}
