import { mkdir, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { describeWith, executable, program } from '../support/debian.ts';
import { Servers } from '../support/servers.ts';
import { SUPERVISOR } from '../support/servers-etcd.ts';
import { startSshd } from '../support/servers-ssh.ts';
import { material } from '../support/tls.ts';
import { newShell } from './console.ts';
import { serverPage } from './server-page.ts';

const NODES = ['etcd-1', 'etcd-2', 'etcd-3'] as const;
const describeLive = await describeWith('etcd', 'ssh', 'sshd');
const servers = new Servers('docs-etcd');
const shell = await newShell('docs-etcd');
const etcd = await serverPage('servers/etcd.md', shell);

describeLive('docs/servers/etcd.md, as it is written but for addresses and directories', () => {
  const pidFile = (node: string): string => join(shell.work, `${node}.pid`);
  /** What a member says to the client `backup`; '' when it does not let it in. */
  const health = async (i: number): Promise<string> => {
    const from = join(shell.work, 'tls/clients/backup');
    return new Promise((resolve, reject) => {
      material(from).then((files) => {
        const asked = get({ host: etcd.address(`10.0.0.1${i}`), port: 2379, path: '/health', agent: false, ...files });
        asked.on('error', () => resolve(''));
        asked.on('response', (response) => response.setEncoding('utf8').on('data', resolve));
      }, reject);
    });
  };

  beforeAll(async () => {
    // systemd is not here: what it restarts, restarts.
    const inventory = NODES.reduce(
      (text, node) =>
        etcd.inNode(text, node, (own) =>
          own.replaceAll('[systemctl, restart, etcd]', `[sh, -c, "kill $(cat ${pidFile(node)})"]`),
        ),
      etcd.inventory(NODES, await startSshd(servers)),
    );
    await writeFile(join(shell.work, 'cluster.yaml'), inventory);
    await etcd.initialise();
  }, 300_000);

  test('the first time', async () => {
    await etcd.expectAsWritten('first');
    await Promise.all(
      NODES.map(async (node, i) => {
        const text = etcd
          .onNode(etcd.block('/etc/default/etcd'), node)
          .replace('ETCD_NAME=etcd-1', `ETCD_NAME=${node}`)
          .replaceAll(/(?<=_URLS=https:\/\/[\d.]*)1(?=:)/g, String(i + 1));
        const variables = text.trim().split('\n');
        const directory = join(servers.directory, node);
        await mkdir(etcd.onNode('/var/lib/etcd', node), { recursive: true });
        await servers.start({
          name: node,
          directory,
          file: executable('env') ?? 'env',
          args: [...variables, 'sh', '-c', SUPERVISOR, 'sh', pidFile(node), program('etcd')],
          ready: async () => (await health(i + 1)).includes('"health":"true"'),
        });
      }),
    );
  }, 300_000);

  test('every time', () => etcd.expectAsWritten('rotate'), 300_000);

  test('a client that was revoked is refused', async () => {
    expect(await health(1)).toContain('"health":"true"');
    await etcd.expectAsWritten('revoke');
    for (const i of [1, 2, 3]) expect(await health(i)).toBe('');
  }, 300_000);
});
