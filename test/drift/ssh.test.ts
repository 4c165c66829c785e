import { readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { done, fails } from '../cli/checks.ts';
import { newCluster } from '../support/clusters.ts';
import { describeWith } from '../support/debian.ts';
import { Servers, until } from '../support/servers.ts';
import { type Sshd, startSshd } from '../support/servers-ssh.ts';
import { codes, deployed, inventory, look, serving } from './services.ts';

// Files behind ssh: read there, as they are read here.

const cluster = await newCluster();
const { ca } = cluster;
const describeSsh = await describeWith('sshd', 'ssh');
const servers = new Servers('verify-ssh');

describeSsh('verify --inventory of nodes by ssh', () => {
  let sshd: Sshd;
  const by = (): string => `    ssh: ${sshd.destination}\n`;
  const lookBySsh = async (dir: string, port?: number) =>
    look(
      { ...cluster, ca: (args) => ca(args, { env: { PATH: sshd.path } }) },
      await inventory(cluster, [{ kind: 'etcd', dir, ...(port === undefined ? {} : { port }) }], by()),
    );

  beforeAll(async () => {
    sshd = await startSshd(servers);
    await done(ca, ['issue', '--inventory', await inventory(cluster, [{ kind: 'files', dir: '/nowhere' }])]);
  });

  test('whole', async () => {
    const dir = await deployed(cluster, 'n1/data', 'whole');
    const seen = await lookBySsh(dir, await serving(dir));
    expect([codes(seen), seen.code]).toEqual([[], 0]);
    const [service] = seen.services;
    expect([service?.onDisk, service?.served]).toEqual([service?.issued, service?.issued]);
    await until('the connection is closed', () => sshd.sessions().length === 0);
  });

  test('what is wrong with the files', async () => {
    const dir = await deployed(cluster, 'n1/data', 'wrong');
    await writeFile(join(dir, 'key.pem'), 'garbage');
    await writeFile(join(dir, 'ca.pem'), 'garbage');
    expect(codes(await lookBySsh(dir))).toEqual(['disk-unreadable']);
    expect(codes(await lookBySsh('/no/such directory'))).toEqual(['disk-missing']);
  });

  test('a host that cannot be looked at without a question is no drift: it says why', async () => {
    const known = readFileSync(sshd.knownHosts, 'utf8');
    const dir = await deployed(cluster, 'n1/data', 'unknown');
    try {
      writeFileSync(sshd.knownHosts, '');
      const seen = await lookBySsh(dir);
      expect([codes(seen), seen.code]).toEqual([[], 0]);
      expect(seen.findings).toMatchObject([
        { code: 'not-seen', message: `its files: the host key of ${sshd.destination} is not known` },
      ]);
      expect(readFileSync(sshd.knownHosts, 'utf8')).toBe('');
    } finally {
      writeFileSync(sshd.knownHosts, known);
    }
  });

  test.each([
    ['    ssh: -oProxyCommand=id\n', '/etc', /:6:5: nodes\.n1\.ssh: is USER@HOST/],
    ['    ssh: deploy@n1\n', 'relative/path', /: relative\/path is on deploy@n1, which wants an absolute path/],
  ])('refused with its place in the file: %s', async (more, dir, message) => {
    const file = await inventory(cluster, [{ kind: 'files', dir }], more);
    expect((await fails(ca, ['verify', '--inventory', file], 'ERR_CONFIG')).message).toMatch(message);
  });
});
