import { chmod, copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { commandBlocks, readProse } from '../../src/manual/prose.ts';
import { done } from '../cli/checks.ts';
import { openssl } from '../cli/x509.ts';
import { CLUSTER_CA, run } from '../support/cli.ts';
import { newCluster } from '../support/clusters.ts';
import { PROSE } from './prose.ts';

// The examples of the manual, run as they stand there, in a directory as they suppose it.
const cluster = await newCluster();
const { ca, directory, env } = cluster;
const bin = join(directory, 'bin');
await mkdir(bin);
await symlink(CLUSTER_CA, join(bin, 'cluster-ca'));
await done(ca, ['issue', 'redis-1', 'redis-2', 'etcd-1', '--out', 'tls']);
await done(ca, ['issue', '--client', 'app', '--out', 'tls']);
await writeFile(
  join(cluster.out, 'cluster.yaml'),
  'cluster: orders\nnodes:\n  redis-1: { }\n  redis-2: { }\n  redis-9: { }\n',
);
for (const name of ['laptop.pass', 'backup.pass', 'p12.pass']) {
  await writeFile(join(cluster.out, name), 'correct horse battery staple\n');
  await chmod(join(cluster.out, name), 0o600);
}
await openssl([
  ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=monitoring'],
  ...['-keyout', '/dev/null', '-out', join(cluster.out, 'monitoring-ca.pem')],
]);
await done(ca, ['crl', '--out', join(cluster.out, 'haproxy-crl.pem')]);
await copyFile(cluster.keyFile, join(cluster.out, 'orders.key'));

/** A CA of its own for the pages on rollovers: in the other there are agents by then, and no daemon to ask them. */
const rolling = await newCluster();
await done(rolling.ca, ['issue', 'redis-1', 'redis-2', '--out', 'tls']);
await copyFile(join(cluster.out, 'cluster.yaml'), join(rolling.out, 'cluster.yaml'));

/** Examples of a new CA stand alone; the others are of the keystore that is there. */
const ALONE = ['init', 'cluster-ca'];
const { CLUSTER_CA_KEYSTORE: _, CLUSTER_CA_KEY_FILE: __, ...homeOnly } = env;

/** A page whose examples are one story about a daemon: one script, which waits for it and ends it. */
const DAEMONS = ['serve', 'enroll', 'agent'];
const withDaemon = (blocks: string[]): string =>
  `trap 'kill -- %1; wait' EXIT\n${blocks.join('\n')}`.replace(
    / &$/m,
    ' 2>daemon.log &\nuntil curl -so /dev/null http://127.0.0.1:8080/readyz; do kill -0 $!; sleep 0.2; done',
  );

test.each([...PROSE])('%s', async (name, prose) => {
  const all = commandBlocks(readProse(prose).get('EXAMPLES') ?? '');
  const blocks = DAEMONS.includes(name) ? [withDaemon(all)] : all;
  expect(blocks.length).toBeGreaterThan(0);
  const alone = ALONE.includes(name);
  const shared = name === 'rollover' ? rolling : cluster;
  const cwd = alone ? await cluster.dir(`alone-${name}`) : shared.out;
  const own = alone ? { ...homeOnly, XDG_DATA_HOME: await cluster.dir(`data-${name}`) } : shared.env;
  for (const block of blocks) {
    const { code, stderr, stdout } = await run('bash', ['-euc', block], {
      cwd,
      env: { ...own, PATH: `${bin}:${process.env.PATH}` },
    });
    expect([block, code, stderr.replaceAll(/^cluster-ca: warning: .*\n/gm, '')]).toEqual([block, 0, '']);
    expect(stdout).not.toMatch(/PRIVATE KEY/);
  }
});
