import { appendFile, chmod, chown, copyFile, mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { keyRefusal } from '../../src/targets/postgres-key.ts';
import type { Change } from '../../src/targets/target.ts';
import { Authority, type Certificate, fingerprintOf } from '../live/authority.ts';
import { describeWith } from '../support/debian.ts';
import { scratch } from '../support/scratch.ts';
import { Servers, until } from '../support/servers.ts';
import { NOBODY, own } from '../support/servers-postgres.ts';
import { ownCopy, type Pair, type PairMember, startPostgresPair, streams } from '../support/servers-postgres-pair.ts';
import { material } from '../support/tls.ts';
import { PgConnection } from '../support/tls-postgres.ts';
import { messages, type Opened, openSession, refusalOf } from './session.ts';

const INVENTORY = `
cluster: orders
nodes:
  pg-1: { ip: [127.0.0.1], planes: [data] }
  pg-2: { ip: [127.0.0.1], planes: [data] }
clients: { app: {} }
`;
const CERTIFICATE: Change = { certificate: true, trust: false, crl: false };
const TRUST: Change = { certificate: false, trust: true, crl: false };
const CRL: Change = { certificate: false, trust: false, crl: true };

const describeLive = await describeWith('postgres');
const servers = new Servers('target-postgres');
const place = await scratch('postgres');
const isRoot = process.getuid?.() === 0;

test('what reload takes', () => {
  expect(refusalOf('postgres', {})).toBeUndefined();
  expect(refusalOf('postgres', { pidFile: '/p', psql: ['psql'], command: ['x'], timeout: '5s' })).toBeUndefined();
  expect(refusalOf('postgres', { pidFile: 'postmaster.pid' })).toBe('an absolute path');
  expect(refusalOf('postgres', { psql: 'psql -p 5433' })).toMatch(/expected array/);
  expect(refusalOf('postgres', { socket: '/s' })).toMatch(/socket/);
});

test("PostgreSQL's rule for its key", () => {
  const server = { uid: 101, groups: [104, 103] };
  const refused = (mode: number, uid: number, gid: number) => keyRefusal(mode, { uid, gid }, server);
  expect(refused(0o600, 101, 104)).toBeUndefined();
  expect(refused(0o400, 101, 0)).toBeUndefined();
  expect(refused(0o640, 0, 104)).toBeUndefined();
  expect(refused(0o640, 0, 103)).toBeUndefined();
  expect(refused(0o640, 101, 104)).toBe("it would be 0640 and the server's own, which must be 0600");
  expect(refused(0o604, 101, 104)).toMatch(/must be 0600/);
  expect(refused(0o600, 1000, 1000)).toBe('it would belong to user 1000, and the server is user 101');
  expect(refused(0o660, 0, 104)).toMatch(/must be 0640/);
  expect(refused(0o644, 0, 104)).toMatch(/must be 0640/);
  expect(refused(0o600, 0, 104)).toMatch(/cannot read/);
  expect(refused(0o640, 0, 105)).toBe('it would be 0640 of root and group 105, which user 101 cannot read');
});

describeLive('PostgreSQL as a target: a primary and a standby that streams from it', () => {
  let ca: Authority;
  let other: Buffer;
  let pair: Pair;
  const nodeOf = (of: PairMember): string => (of === pair.primary ? 'pg-1' : 'pg-2');

  function open(of: PairMember, reload: string, timeout = 5_000, dir = of.files): Promise<Opened> {
    const address = `127.0.0.1:${of.port}`;
    return openSession({ kind: 'postgres', address, dir, reload, client: ca.client('app'), timeout });
  }
  const byPsql = ({ psql }: PairMember): string => `{ psql: ${JSON.stringify(psql)} }`;
  const byPidFile = ({ pidFile }: PairMember): string => `{ pidFile: ${pidFile} }`;

  /** Places a file as the server's user has it. */
  async function put(from: string, to: string): Promise<void> {
    await copyFile(from, `${to}.new`);
    own(`${to}.new`);
    await rename(`${to}.new`, to);
  }
  async function placePair(of: PairMember): Promise<void> {
    for (const name of ['key.pem', 'cert.pem'])
      await put(join(ca.node(nodeOf(of), 'data'), name), join(of.files, name));
  }
  async function placeTrust(of: PairMember, both: boolean): Promise<void> {
    const file = join(servers.directory, 'bundle.pem');
    await copyFile(join(ca.client('app'), 'ca.pem'), file);
    if (both) await appendFile(file, other);
    await put(file, join(of.files, 'ca.pem'));
  }
  /** What a server serves. */
  async function served(of: PairMember): Promise<string> {
    return PgConnection.served(of.port, await material(ca.client('app')));
  }
  const fingerprint = (made: Certificate[], of: PairMember): string => fingerprintOf(made, nodeOf(of), 'data');

  beforeAll(async () => {
    ca = await Authority.init(join(servers.directory, 'orders'), 'orders');
    await ca.issueInventory(INVENTORY);
    const billing = await Authority.init(join(servers.directory, 'billing'), 'billing');
    await billing.issueClients('app');
    other = await readFile(join(billing.client('app'), 'ca.pem'));
    own(place);
    const files = { primary: join(place, 'tls-1'), standby: join(place, 'tls-2') };
    await ownCopy(ca.node('pg-1', 'data'), files.primary);
    await ownCopy(ca.node('pg-2', 'data'), files.standby);
    pair = await startPostgresPair(servers, place, files);
    await pair.primary.query('create role app login');
  });

  test('what it says it can do', async () => {
    const abilities = { certificate: 'reload', trust: 'reload', crl: 'every-level', combined: false };
    expect((await open(pair.primary, byPsql(pair.primary))).abilities).toEqual({ ...abilities, connections: 'cycled' });
    expect((await open(pair.primary, byPidFile(pair.primary))).abilities).toEqual({
      ...abilities,
      connections: 'none',
    });
  });

  test('nothing said of how it is reloaded: a problem that says what to put where', async () => {
    const { session } = await open(pair.primary, '{}');
    const said = messages(await session.preflight(CERTIFICATE));
    expect(said).toContain(`does not say how postgres 127.0.0.1:${pair.primary.port} is reloaded`);
    expect(said).toContain('cluster.yaml:5:16: reload: { psql: [runuser, -u, postgres, --, psql] }');
  });

  test('the standby goes first, by its file or by what it says', async () => {
    for (const [of, rank] of [
      [pair.standby, 0],
      [pair.primary, 1],
    ] as const)
      for (const reload of [byPsql(of), byPidFile(of)])
        expect(await (await open(of, reload)).session.rank?.()).toBe(rank);
    expect(await (await open(pair.primary, '{ command: ["true"] }')).session.rank?.()).toBe(0);
  });

  test.each([
    ['psql', byPsql],
    ['the pid file', byPidFile],
    ['a command', ({ pidFile }: PairMember) => `{ command: ["sh", "-c", "kill -HUP $(head -1 ${pidFile})"] }`],
    [
      'a command, asked by psql',
      (of: PairMember) =>
        `{ command: ["sh", "-c", "kill -HUP $(head -1 ${of.pidFile})"], psql: ${JSON.stringify(of.psql)} }`,
    ],
  ])('by %s: nothing before the reload, the new certificate after it', async (_, reload) => {
    for (const of of [pair.standby, pair.primary]) {
      const { session, warnings } = await open(of, reload(of));
      const before = await served(of);
      const rotated = await ca.rotateAll();
      expect(await session.preflight(CERTIFICATE)).toEqual([]);
      await placePair(of);
      expect(await served(of)).toBe(before);
      await session.reload(CERTIFICATE);
      await until('the new one is served', async () => (await served(of)) === fingerprint(rotated, of));
      expect(await session.proof?.(CERTIFICATE)).toBeUndefined();
      expect(warnings).toEqual([]);
      await session.close();
    }
    expect(await streams(pair)).toBe(true);
  });

  test('a change of trust is seen by the names that it announces', async () => {
    const of = pair.primary;
    const { session } = await open(of, byPsql(of));
    await placeTrust(of, true);
    expect(await session.proof?.(TRUST)).toMatch(
      /does not trust CN=billing Root CA G1, which .*ca\.pem has: its log says why/,
    );
    await session.reload(TRUST);
    expect(await session.proof?.(TRUST)).toBeUndefined();
    await placeTrust(of, false);
    expect(await session.proof?.(TRUST)).toMatch(/still trusts CN=billing Root CA G1/);
    await session.reload(TRUST);
    expect(await session.proof?.(TRUST)).toBeUndefined();
  });

  test('a reload that succeeds and changes nothing: a trust bundle that it cannot read', async () => {
    const of = pair.primary;
    await placeTrust(of, true);
    await writeFile(join(of.files, 'key.pem'), 'garbage\n');
    const { session } = await open(of, byPsql(of));
    await session.reload(TRUST);
    expect(await session.proof?.(TRUST)).toMatch(/does not trust CN=billing Root CA G1/);
    expect(of.server.output()).toContain('SSL configuration was not reloaded');
    await placePair(of);
    await session.reload(TRUST);
    expect(await session.proof?.(TRUST)).toBeUndefined();
    await placeTrust(of, false);
    await session.reload(TRUST);
  });

  test('a command that fails, hangs, or does nothing', async () => {
    const of = pair.standby;
    for (const [command, said] of [
      ['["sh", "-c", "echo no such cluster >&2; exit 2"]', /sh ended with 2 on this host: no such cluster/],
      ['["sleep", "60"]', /sleep did not end within 2 s, and was killed/],
      ['["true"]', /was told to reload, and has not/],
    ] as const) {
      const { session } = await open(
        of,
        `{ command: ${command}, timeout: 2s, psql: ${JSON.stringify(of.psql)} }`,
        1_500,
      );
      await expect(session.reload(CERTIFICATE)).rejects.toThrow(said);
    }
  });

  test('an error in its configuration: found before, and named when it came since', async () => {
    const of = pair.standby;
    const file = join(of.data, 'postgresql.auto.conf');
    const before = await readFile(file, 'utf8');
    const { session } = await open(of, byPsql(of), 1_500);
    await appendFile(file, "port = '1'\n");
    expect(await session.preflight(CERTIFICATE)).toEqual([]);
    await appendFile(file, 'nonsense = 1\n');
    const line = (await readFile(file, 'utf8')).trim().split('\n').length;
    const error = `${file}:${line}: nonsense: unrecognized configuration parameter`;
    expect(messages(await session.preflight(CERTIFICATE))).toContain(`with which it reloads nothing: ${error}`);
    await expect(session.reload(CERTIFICATE)).rejects.toThrow(`was told to reload, and has not: ${error}`);
    await writeFile(file, before);
    expect(await session.preflight(CERTIFICATE)).toEqual([]);
    await session.reload(CERTIFICATE);
  });

  test('a configuration that names other files, or the server of another service', async () => {
    const of = pair.primary;
    const elsewhere = await open(of, byPsql(of), 5_000, '/etc/postgres/tls');
    const said = messages(await elsewhere.session.preflight(CERTIFICATE));
    for (const [name, file] of [
      ['ssl_cert_file', 'cert'],
      ['ssl_key_file', 'key'],
      ['ssl_ca_file', 'ca'],
    ]) {
      expect(said).toContain(
        `(the server on port ${of.port} that psql reaches) has ${name} ${join(of.files, `${file}.pem`)}, and not /etc/postgres/tls/${file}.pem`,
      );
      expect(said).toContain(`ALTER SYSTEM SET ${name} = '/etc/postgres/tls/${file}.pem'`);
    }
    const other = await open(of, byPsql(pair.standby));
    expect(messages(await other.session.preflight(CERTIFICATE))).toContain(
      `(the server on port ${pair.standby.port} that psql reaches)`,
    );
    // It reads no CRL: to be known when one is deployed.
    const own = await open(of, byPsql(of));
    expect(await own.session.preflight(CRL)).toEqual([]);
    expect(own.warnings).toEqual([
      `postgres 127.0.0.1:${of.port} has no ssl_crl_file: it lets revoked certificates in`,
    ]);
  });

  test('psql that cannot connect, is not there, or may not', async () => {
    const of = pair.primary;
    const ask = async (argv: string[]): Promise<string> => {
      const { session } = await open(of, `{ psql: ${JSON.stringify(argv)} }`);
      return messages(await session.preflight(CERTIFICATE));
    };
    const [program = '', ...rest] = of.psql;
    const nobody = rest.map((word) => (word === 'owner' ? 'app' : word));
    expect(await ask([program, ...nobody])).toMatch(
      /cannot be asked with psql: connection to server on socket .* failed: FATAL: .*pg_hba\.conf.* \| run it by hand on this host: .*psql -h .* -U app/,
    );
    expect(await ask(['/no/such/psql'])).toContain('cannot run /no/such/psql');
    expect(await ask(['echo'])).toContain('psql prints');
    await appendFile(join(of.data, 'pg_hba.conf'), 'local all app trust\n');
    await of.query('select pg_reload_conf()');
    await until('app is let in', async () => !(await ask([program, ...nobody])).includes('pg_hba'));
    expect(await ask([program, ...nobody])).toContain(
      `does not let app reload it | GRANT EXECUTE ON FUNCTION pg_reload_conf() TO "app"`,
    );
    await of.query('grant execute on function pg_reload_conf() to app');
    expect(await ask([program, ...nobody])).toBe('');
  });

  test('a pid file that is stale, of another program, or none', async () => {
    const of = pair.primary;
    const file = join(servers.directory, 'other.pid');
    const { session } = await open(of, `{ pidFile: ${file} }`);
    const both = async (): Promise<string> => {
      const said = messages(await session.preflight(CERTIFICATE));
      await expect(session.reload(CERTIFICATE)).rejects.toMatchObject({ code: 'ERR_REMOTE' });
      return said;
    };
    expect(await both()).toContain(`${file} is not there on this host | is the server running?`);
    await writeFile(file, '4194303\n');
    expect(await both()).toContain(`${file} is stale: there is no process 4194303`);
    await writeFile(file, `${process.pid}\n`);
    expect(await both()).toMatch(/is stale: process \d+ is (node|MainThread) by now, and no PostgreSQL/);
    await writeFile(file, 'garbage\n');
    expect(await both()).toContain('does not begin with a process number');
    // An external_pid_file: the number alone.
    await copyFile(of.pidFile, file);
    await writeFile(file, `${(await readFile(file, 'utf8')).split('\n')[0]}\n`);
    await session.reload(CERTIFICATE);
  });

  (isRoot ? test : test.skip)(
    'a key that it would not take, by its owner or its mode, through the links of a set',
    async () => {
      const of = pair.primary;
      const said: string[] = [];
      const ask = async (dir: string, words = ''): Promise<string> => {
        for (const reload of [byPsql(of), byPidFile(of)]) {
          const { session } = await open(of, `${reload}${words}`, 5_000, dir);
          const keys = (await session.preflight(CERTIFICATE)).filter(({ message }) => message.includes('the key'));
          said.push(messages(keys));
        }
        const [one, two] = said.slice(-2);
        expect(one).toBe(two);
        return one ?? '';
      };
      expect(await ask(of.files)).toBe('');
      expect(await ask(of.files, ', keyMode: "0640"')).toContain("0640 and the server's own, which must be 0600");
      expect(await ask(of.files, ', owner: root')).toContain('which user 65534 cannot read');
      expect(await ask(of.files, `, owner: "root:${NOBODY}", keyMode: "0640"`)).toBe('');
      expect(await ask(of.files, ', owner: daemon')).toMatch(
        /it would belong to user \d+, and the server is user 65534 \| say it at cluster\.yaml:5:16: owner: 65534, keyMode: '0600'/,
      );
      const set = join(place, 'set');
      await mkdir(join(set, '.cluster-ca.1'), { recursive: true });
      await ownCopy(ca.node('pg-1', 'data'), join(set, '.cluster-ca.1'));
      await symlink('.cluster-ca.1', join(set, '.cluster-ca.current'));
      await symlink('.cluster-ca.current/key.pem', join(set, 'key.pem'));
      expect(await ask(set)).toBe('');
      await chmod(join(set, '.cluster-ca.1/key.pem'), 0o640);
      expect(await ask(set)).toContain('must be 0600');
      await chown(join(set, '.cluster-ca.1/key.pem'), 0, 0);
      expect(await ask(set)).toContain('0640 of root and group 0');
    },
  );

  test('sessions of before are counted; links are made anew, one at a time; clients are left alone', async () => {
    const { primary, standby } = pair;
    const client = await PgConnection.open(primary.port, await material(ca.client('app')), 'app');
    const opened = { primary: await open(primary, byPsql(primary)), standby: await open(standby, byPsql(standby)) };
    const long = new Date(Date.now() - 3_600_000);
    expect(await opened.primary.session.connections?.(long)).toEqual({ count: 0, what: '' });
    const link = (): Promise<string> => primary.query('select pid from pg_stat_replication');
    const before = await link();
    for (const { session } of [opened.primary, opened.standby]) await session.reload(CERTIFICATE);
    const since = new Date();
    const fresh = await PgConnection.open(primary.port, await material(ca.client('app')), 'app');
    expect(await opened.primary.session.connections?.(since)).toEqual({
      count: 2,
      what: '1 client session, 1 replication link',
    });
    expect(await opened.standby.session.connections?.(since)).toEqual({ count: 1, what: '1 link to its primary' });
    await opened.standby.session.cycle?.(since);
    expect(await link()).toBe(before);
    await opened.primary.session.cycle?.(since);
    expect(await streams(pair)).toBe(true);
    expect(await link()).not.toBe(before);
    expect(await opened.primary.session.connections?.(since)).toEqual({ count: 1, what: '1 client session' });
    expect(await opened.standby.session.connections?.(since)).toEqual({ count: 0, what: '' });
    for (const one of [client, fresh]) {
      expect(await one.query('select 1')).toEqual([['1']]);
      one.close();
    }
  });

  test('a role that is no superuser, with the rights that docs/servers/postgres.md names', async () => {
    const of = pair.primary;
    await of.query('create role keeper login in role pg_monitor, pg_signal_backend');
    await of.query('grant execute on function pg_reload_conf() to keeper');
    await appendFile(join(of.data, 'pg_hba.conf'), 'local all keeper trust\n');
    await of.query('select pg_reload_conf()');
    const psql = of.psql.map((word) => (word === 'owner' ? 'keeper' : word));
    const { session, warnings } = await open(of, `{ psql: ${JSON.stringify(psql)} }`);
    const client = await PgConnection.open(of.port, await material(ca.client('app')), 'app');
    await until('keeper is let in', async () => (await session.preflight(CERTIFICATE)).length === 0);
    expect(await session.rank?.()).toBe(1);
    await session.reload(CERTIFICATE);
    const [old, link] = [
      { count: 2, what: '1 client session, 1 replication link' },
      await of.query('select pid from pg_stat_replication'),
    ];
    expect(await session.connections?.(new Date())).toEqual(old);
    await session.cycle?.(new Date());
    expect(await session.connections?.(new Date())).toEqual({ count: 1, what: '1 client session' });
    expect(await of.query('select pid from pg_stat_replication')).not.toBe(link);
    expect(warnings).toEqual([]);
    client.close();
  });

  test('a standby that does not come back is named', async () => {
    const { primary, standby } = pair;
    const { session } = await open(primary, byPsql(primary), 2_000);
    await session.reload(CERTIFICATE);
    await writeFile(join(standby.files, 'cert.pem'), 'garbage\n');
    await expect(session.cycle?.(new Date())).rejects.toThrow(
      /walreceiver does not stream again 2 s after its link was ended/,
    );
    await placePair(standby);
    await until('it streams again', () => streams(pair));
  });
});
