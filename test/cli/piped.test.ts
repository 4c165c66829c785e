import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, expectExit } from './checks.ts';
import type { ListDocument } from './documents.ts';
import { hasTerminal, onTerminal } from './terminal.ts';

// What reads from a pipe has no width: nothing is cut at 80 columns, broken there, or left out. On a terminal a table
// fits, and what is for copying is whole or on lines of its own.

const LONG = `redis-${'x'.repeat(50)}`;
const cluster = await newCluster({ init: ['--domain', `${'a'.repeat(60)}.internal`] });
const { alone: ca, env, out: cwd } = cluster;
await done(ca, ['issue', LONG, '--plane', 'data', '--out', '.']);
await done(ca, ['issue', 'n1', '--lifetime', '10d', '--plane', 'data']);
const { certificates } = await done<ListDocument>(ca, ['list']);
const leaf = await readFile(join(cwd, LONG, 'data', 'cert.pem'), 'utf8');
await writeFile(join(cwd, 'whole.pem'), leaf + (await readFile(join(cwd, LONG, 'data', 'ca.pem'), 'utf8')));
const onTty = hasTerminal ? test : test.skip;

const text = async (args: string[]): Promise<string> => {
  const result = await ca(args);
  expectExit(result, 0);
  return result.stdout;
};

describe('in a pipe', () => {
  test('list: every column, every cell whole, one line a certificate', async () => {
    const [header = '', ...lines] = (await text(['list'])).trimEnd().split('\n');
    expect(header.split(/ +/)).toEqual(['NAME', 'PLANE', 'STATUS', 'ENDS', 'LIFETIME', 'SERIAL']);
    expect(lines).toHaveLength(2);
    for (const { node, serial } of certificates)
      expect(lines.filter((line) => line.startsWith(`${node} `) && line.endsWith(serial))).toHaveLength(1);
  });

  test('status: messages and hints stay on one line', async () => {
    const { alerts } = JSON.parse((await ca(['status', '--json'])).stdout);
    const lines = (await text(['status'])).split('\n').map((line) => line.trim());
    expect(alerts.length).toBeGreaterThan(1);
    for (const { message, hint } of alerts) {
      expect(lines).toContain(message);
      if (hint !== undefined) expect(lines.some((line) => line.includes(hint))).toBe(true);
    }
  });

  test('inspect: a chain, and trust anchors as a table', async () => {
    const chain = await text(['inspect', 'file:whole.pem']);
    for (const { fingerprint } of certificates.filter(({ node }) => node === LONG))
      expect(chain).toMatch(new RegExp(`sha256 ${fingerprint}$`, 'm'));
    expect(chain).toContain(`URI:spiffe://${'a'.repeat(60)}.internal/node/${LONG}/data\n`);
    expect(chain).not.toMatch(/\.\.\.|…/);
    const other = await newRoot();
    await writeFile(join(cwd, 'anchors.pem'), (await readFile(join(cwd, LONG, 'data', 'ca.pem'), 'utf8')) + other);
    const anchors = await text(['inspect', 'file:anchors.pem']);
    expect(anchors).toMatch(/^SUBJECT +ROLE +STATUS +NOT AFTER +KEY +SHA256$/m);
    expect(anchors.match(/^CN=.* [0-9a-f]{64}$/gm)).toHaveLength(2);
  });

  test('what was just made for ten years, five years and ten days lasts as long', async () => {
    const status = await text(['status']);
    expect(status).toMatch(/root-g1 .*ends in 10 years/);
    expect(status).toMatch(/issuing-g1\.1 .*ends in 5 years/);
    expect(await text(['inspect', 'n1'])).toMatch(/^n1 .* in 10 days /m);
  });

  /** The root of another cluster, PEM. */
  async function newRoot(): Promise<string> {
    const keystore = join(cluster.directory, 'other');
    await done(ca, ['init', 'other', '--keystore', keystore]);
    return readFile(join(keystore, 'public', 'trust-bundle.pem'), 'utf8');
  }
});

describe('on a terminal of 80 columns', () => {
  onTty('a fingerprint in a chain is whole, if need be on a line of its own', async () => {
    const { screen } = await onTerminal(['inspect', 'file:whole.pem', '--no-color'], { cwd, env });
    for (const { fingerprint } of certificates.filter(({ node }) => node === LONG))
      expect(screen).toContain(fingerprint);
    const lines = screen.split(/\r?\n/);
    expect(lines.filter((line) => / sha256 [0-9a-f]{64}$/.test(line))).toHaveLength(3);
  });
});
