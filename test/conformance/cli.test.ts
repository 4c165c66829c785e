import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { expectSafe } from '../cli/checks.ts';
import { mutate, seeded } from '../support/mutate.ts';
import { scratch } from '../support/scratch.ts';
import { expectVerdict, limited, runAll } from './command-line.ts';
import { DEFAULT_TIME, type LimboCase, PURPOSES, readLimbo, runLimbo } from './limbo.ts';

const directory = await scratch('limbo');
const cases = readLimbo('vectors/limbo.json').filter(({ id }) => !id.startsWith('webpki::'));
/** The command line of a case, its certificates and CRLs in files. */
function words(one: LimboCase, ...more: string[]): string[] {
  const place = join(directory, one.id.replace(/[^A-Za-z0-9]+/g, '-'));
  mkdirSync(place, { recursive: true });
  const write = (name: string, pem: readonly string[]): string => {
    const path = join(place, name);
    writeFileSync(path, pem.join('\n'));
    return path;
  };
  return [
    'verify',
    write('leaf.pem', [one.peer_certificate]),
    ...['--trust', write('trust.pem', one.trusted_certs), '--at', one.validation_time ?? DEFAULT_TIME],
    ...(one.untrusted_intermediates.length === 0
      ? []
      : ['--untrusted', write('untrusted.pem', one.untrusted_intermediates)]),
    ...(one.crls?.length ? ['--crl', write('crls.pem', one.crls)] : []),
    ...(one.expected_peer_name === null ? [] : ['--name', one.expected_peer_name.value]),
    ...one.extended_key_usage.flatMap((usage) => ['--purpose', PURPOSES[usage] ?? usage]),
    ...(one.max_chain_depth === null ? [] : ['--max-depth', String(one.max_chain_depth)]),
    '--json',
    '--explain',
    ...more,
  ];
}

const run = (args: string[]) => limited(args, directory);

const judged = cases.filter(({ trusted_certs: anchors }) => anchors.length > 0);
/** Those on which `--strict` changes the verdict: the others say the same twice. */
const contested = judged.filter((one) => runLimbo(one, true).valid !== runLimbo(one, false).valid);
const results = await runAll(
  [
    ...judged.map((one) => [one.id, words(one)] as const),
    ...contested.map((one) => [`strict ${one.id}`, words(one, '--strict')] as const),
  ],
  directory,
);

describe('the command line has the verdict that the library has', () => {
  const codes = (list: { code: string }[]): string[] => list.map(({ code }) => code);

  test('all of it', () => {
    expect(judged.length).toBeGreaterThan(130);
    expect(contested.length).toBeGreaterThan(10);
  });

  test.each([
    ...judged.map((one) => [one.id, one, false] as const),
    ...contested.map((one) => [`strict ${one.id}`, one, true] as const),
  ])('%s', (name, one, strict) => {
    const { valid, failures } = runLimbo(one, strict);
    const document = expectVerdict(results.get(name), valid);
    expect(codes(document.failures)).toEqual(codes(failures));
    expect(Array.isArray(document.candidates) && Array.isArray(document.attempts)).toBe(true);
    if (valid) expect(document.attempts.at(0).failures).toEqual([]);
  });
});

describe('hostile files: a verdict or a usage error, never a stack trace or a hang', () => {
  const [seed] = cases.filter(({ id }) => id.includes('intermediate'));
  const random = seeded(2026);
  const der = Buffer.from((seed as LimboCase).peer_certificate.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const deep = Buffer.concat([...Array.from({ length: 200 }, () => Buffer.from([0x30, 0x80])), Buffer.alloc(400)]);
  const hostile: [string, Uint8Array][] = [
    ...Array.from({ length: 16 }, (_, i): [string, Uint8Array] => [`mutation ${i}`, mutate(der, random)]),
    ['nesting', deep],
    ['a length of 4 GiB', Uint8Array.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0)],
    ['PEM bombs', Buffer.from('-----BEGIN CERTIFICATE-----\n'.repeat(20_000))],
    [
      'a PEM frame in a PEM frame',
      Buffer.from('-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n'),
    ],
    ['NUL', Buffer.alloc(1000)],
    ['a JSON bomb', Buffer.from('['.repeat(100_000))],
    ['a record that is none', Buffer.from(`{"seq":${'9'.repeat(1000)}}\n${'0'.repeat(128)}\n`)],
    ['a PFX of nothing', Uint8Array.of(0x30, 0x07, 0x02, 0x01, 0x03, 0x30, 0x02, 0x06, 0x00)],
  ];

  test.each(hostile)('%s', async (name, bytes) => {
    const path = join(directory, `hostile-${name.replaceAll(' ', '-')}`);
    writeFileSync(path, bytes);
    const trust = join(directory, 'trust.pem');
    writeFileSync(trust, (seed as LimboCase).trusted_certs.join('\n'));
    for (const args of [
      ['verify', path, '--trust', trust, '--explain'],
      ['verify', path, '--trust', path, '--json'],
      ['inspect', path],
      ['inspect', path, '--json'],
      ['inspect', path, path],
    ]) {
      const result = await run(args);
      expect([0, 2, 5]).toContain(result.code);
      expect(result.stdout + result.stderr).not.toMatch(/^\s+at .*:\d+/m);
      expectSafe(result.stdout);
      expectSafe(result.stderr);
    }
  });
});
