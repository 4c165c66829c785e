import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { beforeAll, expect, test } from '@jest/globals';
import { describeWith, program } from '../support/debian.ts';
import { Servers } from '../support/servers.ts';
import { startSshd } from '../support/servers-ssh.ts';
import { material } from '../support/tls.ts';
import { newShell } from './console.ts';
import { serverPage } from './server-page.ts';

const NODES = ['web-1'] as const;
const describeLive = await describeWith('nginx', 'ssh', 'sshd');
const servers = new Servers('docs-nginx');
const shell = await newShell('docs-nginx');
const nginx = await serverPage('servers/nginx.md', shell);

describeLive('docs/servers/nginx.md, as it is written but for addresses and directories', () => {
  const on = (path: string): string => nginx.onNode(path, 'web-1');
  const command = (): string[] => [
    program('nginx'),
    '-p',
    join(servers.directory, 'web-1'),
    '-c',
    on('/etc/nginx/nginx.conf'),
    '-e',
    'stderr',
  ];
  /** What it answers to a client; '' when it is not there. */
  const get = async (client = 'app'): Promise<string> => {
    const of = await material(join(shell.work, 'tls/clients', client));
    return new Promise((resolve) => {
      let answer = '';
      const socket = connect({ host: nginx.address('10.0.0.51'), port: 8443, ...of });
      socket.on('secureConnect', () => socket.write('GET / HTTP/1.0\r\n\r\n'));
      socket.on('data', (chunk) => {
        answer += chunk;
      });
      socket.on('error', () => resolve(''));
      socket.on('close', () => resolve(answer));
    });
  };

  beforeAll(async () => {
    const inventory = nginx.inventory(NODES, await startSshd(servers));
    await writeFile(
      join(shell.work, 'cluster.yaml'),
      inventory.replace('[nginx, -t]', JSON.stringify([...command(), '-t'])),
    );
    await nginx.initialise();
  }, 300_000);

  test('the first time', async () => {
    await nginx.expectAsWritten('first');
    const directory = join(servers.directory, 'web-1');
    await mkdir(directory, { recursive: true });
    await mkdir(on('/run/x'), { recursive: true });
    const withProbe = nginx
      .block('orders.conf')
      .replace(/^ {4}location \/ /m, (place) => `${nginx.block('probe.conf')}${place}`);
    expect(withProbe).toContain('location = /.cluster-ca-probe');
    await writeFile(on('/etc/nginx/orders.conf'), on(withProbe));
    // Debian's own around it, but for what needs its directories.
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (kind) => `${kind}_temp_path ${directory}/${kind};`,
    );
    await writeFile(
      on('/etc/nginx/nginx.conf'),
      `daemon off;\nworker_processes auto;\npid ${on('/run/nginx.pid')};\nerror_log stderr;\nevents {}\nhttp {\n  access_log off;\n  ${temporary.join('\n  ')}\n  include ${on('/etc/nginx/orders.conf')};\n}\n`,
    );
    const [file = '', ...args] = command();
    await servers.start({
      name: 'web-1',
      directory,
      file,
      args,
      ready: async () => (await get()).includes('welcome CN=app'),
    });
  }, 300_000);

  test('every time', async () => {
    await nginx.expectAsWritten('rotate');
    expect(await get()).toContain('welcome CN=app');
  }, 300_000);

  test('a client that was revoked is refused, and nobody else', async () => {
    expect(await get('leaver')).toContain('welcome CN=leaver');
    await nginx.expectAsWritten('revoke');
    expect(await get('leaver')).toContain('The SSL certificate error');
    expect(await get()).toContain('welcome CN=app');
  }, 300_000);
});
