import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import type { RolloverBoard } from '../../src/rollover/running/board.ts';
import { describeWith, executable } from '../support/debian.ts';
import { freePort } from '../support/ports.ts';
import { scratch } from '../support/scratch.ts';
import { Servers, until } from '../support/servers.ts';
import { startNginx } from '../support/servers-nginx.ts';
import { NOBODY } from '../support/servers-postgres.ts';
import { type Pair, startPostgresPair, streams } from '../support/servers-postgres-pair.ts';
import type { LoadClient } from '../support/steady-load.ts';
import { askAll, type Material } from '../support/tls.ts';
import { PgConnection } from '../support/tls-postgres.ts';
import { reachesFreely } from './boards.ts';
import { filesOf } from './client-files.ts';
import { Deployer, underLoad } from './deployer.ts';

// The servers that check CRLs of every level: those of both hierarchies are there with the trust, or everybody is refused.

const REQUEST = 'GET / HTTP/1.0\r\n\r\n';
const OWNER = process.getuid?.() === 0 ? `, owner: "${NOBODY}:${NOBODY}"` : '';

const describeLive = await describeWith('nginx', 'postgres');
const servers = new Servers('rollover-servers');
const place = await scratch('rollover-postgres');

describeLive('the root CA of nginx, and of PostgreSQL with a standby, is replaced under load', () => {
  let ca: Deployer;
  let pair: Pair;
  const ports = new Map<string, number>();
  const dir = (name: string): string => join(place, 'etc', name);
  const port = (name: string): number => ports.get(name) as number;

  /** A client with a new connection for each operation, which reads its files again each time. */
  const client = (group: string, operation: (files: Material) => Promise<void>): LoadClient => ({
    group,
    operation: async () => operation(await filesOf(dir('app'))),
    connections: () => 0,
    close: () => {},
  });
  const query = (name: string, sql: string, wanted: string) =>
    client(name, async (files) => {
      const session = await PgConnection.open(port(name), files, 'app');
      const [row] = await session.query(sql);
      session.close();
      if (row?.[0] !== wanted) throw new Error(`read ${JSON.stringify(row)}`);
    });
  const clients = (): LoadClient[] => [
    client('web', async (files) => {
      const answer = await askAll(port('web-1'), files, REQUEST);
      if (!answer.includes('welcome CN=app')) throw new Error(answer.slice(0, 100));
    }),
    query('pg-1', 'select pg_is_in_recovery()', 'f'),
    query('pg-2', 'select pg_is_in_recovery()', 't'),
  ];

  const step = (...args: [phase: string, verb: string, ...more: string[]]) =>
    reachesFreely((...words) => ca.live(['rollover', ...words]), ...args);
  const known = ({ services }: RolloverBoard): string[] =>
    services
      .filter(({ kind }) => kind === 'node')
      .map(
        ({ node, role, trustsOld, trustsNew, checksNone, serves, provenBy }) =>
          `${node} ${role} ${checksNone ? 'anybody' : `${trustsOld} ${trustsNew}`} ${serves} ${provenBy}`,
      );
  // Who is made to connect to an end of ours: web-1 by a location of its own, the standby by psql. A primary connects to nobody.
  // The front end of web-1 asks for no client certificate: in accept it has nothing to prove.
  const each = (facts: string): string[] =>
    ['web-1', 'front', 'pg-1', 'pg-2'].flatMap((node) =>
      node === 'front'
        ? [`web-1 accept anybody ${facts.split(' ')[2]} handshake`, `web-1 connect ${facts} file`]
        : [`${node} accept ${facts} handshake`, `${node} connect ${facts} ${node === 'pg-1' ? 'file' : 'handshake'}`],
    );

  beforeAll(async () => {
    for (const name of ['web-1', 'front', 'pg-1', 'pg-2']) ports.set(name, await freePort());
    ca = await Deployer.init(join(servers.directory, 'orders'), 'orders');
    const psql = (name: string): string =>
      JSON.stringify([
        executable('psql') ?? 'psql',
        '-h',
        place,
        '-U',
        'owner',
        '-d',
        'postgres',
        '-p',
        `${port(name)}`,
      ]);
    const node = (name: string, kind: string, more: string): string =>
      `  ${name}: { ip: [127.0.0.1], planes: [data], services: [{ kind: ${kind}, address: "127.0.0.1:${port(name)}", dir: ${dir(name)}, ${more} }] }\n`;
    const postgres = ['pg-1', 'pg-2'].map((name) => node(name, 'postgres', `reload: { psql: ${psql(name)} }${OWNER}`));
    const probe = { port: await freePort(), name: 'cluster-ca-probe.orders.internal' };
    const nginx = (at: string): string =>
      `{ kind: nginx, address: "127.0.0.1:${port(at)}", dir: ${dir('web-1')}, reload: { pidFile: ${join(servers.directory, 'nginx/nginx.pid')}${at === 'web-1' ? `, connectProbe: { path: /probe, port: ${probe.port} }` : ''} } }`;
    const web = `  web-1: { ip: [127.0.0.1], planes: [data], services: [${nginx('web-1')}, ${nginx('front')}] }\n`;
    const app = `clients:\n  app: { services: [{ kind: files, dir: ${dir('app')} }] }\n`;
    await ca.issueInventory(`cluster: orders\nnodes:\n${web}${postgres.join('')}${app}`);
    expect((await ca.deploy()).code).toBe(0);
    await startNginx(servers, dir('web-1'), join(dir('web-1'), 'crl.pem'), {
      workers: 2,
      port: port('web-1'),
      open: port('front'),
      probe,
    });
    pair = await startPostgresPair(
      servers,
      place,
      { primary: dir('pg-1'), standby: dir('pg-2') },
      { ports: { primary: port('pg-1'), standby: port('pg-2') }, crl: true },
    );
    await pair.primary.query('create role app login');
    const hasRole = "select count(*) from pg_roles where rolname = 'app'";
    await until('the standby has it', async () => (await pair.standby.query(hasRole)) === '1');
  }, 180_000);

  test('to its end', async () => {
    await underLoad(clients(), async () => {
      await step('prepared', 'start');
      expect(known(await step('distribute', 'advance'))).toEqual(each('true true old'));
      expect(known(await step('issue-new', 'advance', '--cycle-connections'))).toEqual(each('true true new'));
      expect(known(await step('retire', 'advance'))).toEqual(each('false true new'));
      await step('done', 'advance');
    });
    expect(await streams(pair)).toBe(true);
  }, 300_000);

  test('and back from the middle of another', async () => {
    await underLoad(clients(), async () => {
      await step('prepared', 'start');
      await step('distribute', 'advance');
      await step('issue-new', 'advance');
      await step('stable', 'rollback', '--cycle-connections');
    });
    expect(await streams(pair)).toBe(true);
  }, 300_000);
});
