import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { Judge } from '../../src/deployment/judge.ts';
import { type Material, materialOf } from '../../src/deployment/material.ts';
import { checkPeers, type Peer, readPeer } from '../../src/deployment/peers.ts';
import type { Unit } from '../../src/deployment/unit.ts';
import { LocalHost } from '../../src/hosts/local-host.ts';
import { DirectoryStore } from '../../src/keystore/directory/directory-store.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import { done } from '../cli/checks.ts';
import { newCluster } from '../support/clusters.ts';

const [ours, others] = await Promise.all([newCluster(), newCluster({ name: 'other' })]);

// Whether the peers, each by the files in its directory, would trust what is placed, and be trusted.
describe('what stands between peers', () => {
  let material: Material;
  let judge: Judge;
  const host = new LocalHost();
  const unit = (name: string, more: Partial<Unit> = {}): Unit => ({
    holder: { kind: 'node', name },
    plane: 'data',
    ssh: undefined,
    dir: '/etc/redis/tls',
    services: [],
    ...more,
  });

  /** A peer that has these files. */
  async function peer(files: Record<string, string>, of: Partial<Unit> = {}): Promise<Peer> {
    const dir = join(ours.directory, `peer-${Math.random()}`);
    await mkdir(dir);
    for (const [name, content] of Object.entries(files)) await writeFile(join(dir, name), content);
    const found = await readPeer(host, unit('n2', { ...of, dir }), new Date());
    if (found === undefined) throw new Error('it is not read');
    return { ...found, dir: of.dir ?? dir };
  }
  const file = (name: string, of = ours, node = 'n1/data'): Promise<string> =>
    readFile(join(of.out, node, name), 'utf8');
  const problems = (...peers: Peer[]): string[] =>
    checkPeers(material, unit('n1'), peers, judge).map(({ message }) => message);

  beforeAll(async () => {
    await done(ours.ca, ['issue', 'n1', 'n2', '--plane', 'data']);
    await done(ours.ca, ['issue', 'short', '--plane', 'data', '--lifetime', '1s']);
    await done(others.ca, ['issue', 'n1', '--plane', 'data']);
    const keystore = await Keystore.open(new DirectoryStore(ours.keystore, { groupRead: false }), {
      anchors: undefined,
    });
    material = await materialOf(keystore, unit('n1'), [ours.out], new Date());
    judge = await Judge.create(keystore, () => new Date());
  });

  test('of this CA: nothing', async () => {
    expect(
      problems(await peer({ 'ca.pem': await file('ca.pem'), 'cert.pem': await file('cert.pem', ours, 'n2/data') })),
    ).toEqual([]);
  });

  test("another CA's bundle, and both in one", async () => {
    const foreign = await file('ca.pem', others);
    expect(problems(await peer({ 'ca.pem': foreign }))).toEqual([expect.stringMatching(/^n2 would not trust it/)]);
    expect(problems(await peer({ 'ca.pem': foreign + (await file('ca.pem')) }))).toEqual([]);
  });

  test("another CA's certificate", async () => {
    const cert = await file('cert.pem', others);
    expect(problems(await peer({ 'cert.pem': cert }))).toEqual([
      expect.stringMatching(/^it would not trust n2 any more/),
    ]);
  });

  test('one whose certificate is revoked stands in nobody’s way, whatever it trusts', async () => {
    await done(ours.ca, ['issue', 'gone', '--plane', 'data']);
    const cert = await file('cert.pem', ours, 'gone/data');
    const found = await peer({ 'cert.pem': cert, 'ca.pem': await file('ca.pem', others) });
    expect(problems(found)).toEqual([expect.stringMatching(/^n2 would not trust it/)]);
    await done(ours.ca, ['revoke', 'gone', '--yes']);
    const keystore = await Keystore.open(new DirectoryStore(ours.keystore, { groupRead: false }), {
      anchors: undefined,
    });
    const later = await Judge.create(keystore, () => new Date());
    expect(checkPeers(material, unit('n1'), [found], later)).toEqual([]);
    expect(await later.server(found.chain ?? [])).toEqual({
      message: expect.stringMatching(/^revoked on /),
      hint: expect.stringMatching(/^stop it; cluster-ca issue .*cluster-ca deploy .* start it again$/),
    });
  });

  test('a certificate that has ended stands in nobody’s way', async () => {
    const cert = await file('cert.pem', ours, 'short/data');
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(problems(await peer({ 'cert.pem': cert }))).toEqual([]);
  });

  test.each(['', 'garbage', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])(
    'files that say nothing: %j',
    async (content) => {
      expect(problems(await peer({ 'ca.pem': content, 'cert.pem': content }))).toEqual([]);
      expect(problems(await peer({}))).toEqual([]);
    },
  );

  test('the same path on another host is another directory', async () => {
    const files = { 'ca.pem': await file('ca.pem', others) };
    expect(problems(await peer(files, { dir: '/etc/redis/tls', ssh: 'deploy@redis-2' }))).toHaveLength(1);
    expect(problems(await peer(files, { dir: '/etc/redis/tls' }))).toEqual([]);
  });

  test('another plane does not speak with this one; a client speaks with both', async () => {
    const files = { 'ca.pem': await file('ca.pem', others) };
    expect(problems(await peer(files, { plane: 'control' }))).toEqual([]);
    expect(problems(await peer(files, { plane: '' }))).toHaveLength(1);
  });
});
