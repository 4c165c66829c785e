import { appendFile, chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { run } from '../support/cli.ts';
import { describeWith, executable, program } from '../support/debian.ts';
import { Servers, until } from '../support/servers.ts';
import { startSshd } from '../support/servers-ssh.ts';
import { newShell } from './console.ts';
import { serverPage } from './server-page.ts';

const NODES = ['pg-1', 'pg-2'] as const;
const isRoot = process.getuid?.() === 0;
const withPostgres = await describeWith('postgres', 'ssh', 'sshd');
const describeLive = isRoot
  ? withPostgres
  : (name: string, tests: () => void) =>
      describe.skip(`${name} (skipped: it has a user postgres, whom only root can be)`, tests);
const servers = new Servers('docs-postgres');
const shell = await newShell('docs-postgres');
const postgres = await serverPage('servers/postgres.md', shell);

describeLive('docs/servers/postgres.md, as it is written but for addresses and directories', () => {
  const home = (node: string): string => join(shell.work, node);
  const data = (node: string): string => join(home(node), 'main');
  /** psql as it is in the inventory; the socket is not in its usual place. */
  const psql = (node: string): string[] => ['runuser', '-u', 'postgres', '--', 'psql', '-h', home(node)];

  async function as(file: string, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await run('runuser', ['-u', 'postgres', '--', executable(file) ?? file, ...args], {
      cwd: shell.work,
    });
    if (code !== 0) throw new Error(`${file}: ${stderr}`);
    return stdout.trim();
  }
  const query = (node: string, sql: string): Promise<string> =>
    as('psql', '-h', home(node), '-X', '-A', '-t', '-q', '-c', sql);

  async function start(node: string, n: number): Promise<void> {
    const settings = [`listen_addresses=${postgres.address(`10.0.0.2${n}`)}`, `unix_socket_directories=${home(node)}`];
    const words = ['-D', data(node), ...settings.flatMap((setting) => ['-c', setting])];
    await servers.start({
      name: node,
      directory: join(servers.directory, node),
      file: executable('setpriv') ?? 'setpriv',
      args: [
        '--reuid=postgres',
        '--regid=postgres',
        '--init-groups',
        '--pdeathsig=KILL',
        program('postgres'),
        ...words,
      ],
      ready: async () => (await query(node, 'select 1').catch(() => '')) === '1',
    });
  }

  beforeAll(async () => {
    for (const path of [shell.place.directory, shell.work]) await chmod(path, 0o755);
    const inventory = NODES.reduce(
      (text, node) =>
        postgres.inNode(text, node, (own) =>
          own.replace('[runuser, -u, postgres, --, psql]', `[${psql(node).join(', ')}]`),
        ),
      postgres.inventory(NODES, await startSshd(servers)),
    );
    await writeFile(join(shell.work, 'cluster.yaml'), inventory);
    await postgres.initialise();
    for (const node of NODES) {
      await mkdir(home(node));
      await run('chown', ['postgres', home(node)]);
    }
  }, 300_000);

  test('the first time', async () => {
    await postgres.expectAsWritten('first');
    await as('initdb', '-D', data('pg-1'), '-N');
    const own = (name: string): string => postgres.onNode(postgres.block(name), 'pg-1');
    await appendFile(join(data('pg-1'), 'postgresql.conf'), own('postgresql.conf'));
    // Where all of them come from here.
    const network = postgres.address('10.0.0.0/24');
    await writeFile(join(data('pg-1'), 'pg_hba.conf'), own('pg_hba.conf').replaceAll(network, '127.0.0.0/8'));
    await writeFile(join(data('pg-1'), 'pg_ident.conf'), own('pg_ident.conf'));
    await start('pg-1', 1);
    await query('pg-1', 'create role repl replication login');
    const conninfo = /'(.*)'/.exec(postgres.onNode(postgres.block('postgresql.auto.conf'), 'pg-2'))?.[1] ?? '';
    await as('pg_basebackup', '-D', data('pg-2'), '-R', '-X', 'stream', '-c', 'fast', '-d', conninfo);
    await appendFile(join(data('pg-2'), 'postgresql.conf'), postgres.onNode(postgres.block('postgresql.conf'), 'pg-2'));
    await start('pg-2', 2);
    await until(
      'the standby streams',
      async () => (await query('pg-1', 'select state from pg_stat_replication')) === 'streaming',
    );
  }, 300_000);

  test('every time', async () => {
    const link = (): Promise<string> => query('pg-1', 'select pid from pg_stat_replication');
    const before = await link();
    await postgres.expectAsWritten('rotate');
    expect(await link()).not.toBe(before);
  }, 300_000);
});
