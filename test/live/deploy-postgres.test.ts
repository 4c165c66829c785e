import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import type { DeployDocument, ServiceObject } from '../../src/deployment/document.ts';
import { describeWith, executable } from '../support/debian.ts';
import { freePort } from '../support/ports.ts';
import { scratch } from '../support/scratch.ts';
import { Servers, until } from '../support/servers.ts';
import { NOBODY } from '../support/servers-postgres.ts';
import { type Pair, type PairMember, startPostgresPair, streams } from '../support/servers-postgres-pair.ts';
import type { LoadClient } from '../support/steady-load.ts';
import { type Material, material } from '../support/tls.ts';
import { PgConnection } from '../support/tls-postgres.ts';
import { type Certificate, fingerprintOf } from './authority.ts';
import { anotherRoot, Deployer, underLoad } from './deployer.ts';

const NODES = ['pg-1', 'pg-2'] as const;

const describeLive = await describeWith('postgres');
const servers = new Servers('deploy-postgres');
const place = await scratch('postgres');
const OWNER = process.getuid?.() === 0 ? `, owner: "${NOBODY}:${NOBODY}"` : '';

/** A client of the primary: it writes, and reads back what it wrote; in lasting sessions, or a new one each time. */
class Writer implements LoadClient {
  readonly group: string;
  readonly #port: number;
  readonly #material: Material;
  readonly #id: number;
  #session: PgConnection | undefined;
  #opened = 0;

  constructor(id: number, group: 'lasting' | 'fresh', port: number, material: Material) {
    this.#id = id;
    this.group = group;
    this.#port = port;
    this.#material = material;
  }

  async operation(round: number): Promise<void> {
    const session = this.#session ?? (await this.#open());
    const key = `${this.#id}/${round % 100}`;
    await session.query(
      `insert into load values ('${key}', ${round}) on conflict (key) do update set value = ${round}`,
    );
    const read = await session.query(`select value from load where key = '${key}'`);
    if (read[0]?.[0] !== String(round)) throw new Error(`read ${JSON.stringify(read)}, not ${round}`);
    if (this.group === 'lasting') this.#session = session;
    else session.close();
  }

  connections(): number {
    return this.#opened;
  }

  close(): void {
    this.#session?.close();
  }

  #open(): Promise<PgConnection> {
    this.#opened++;
    return PgConnection.open(this.#port, this.#material, 'app');
  }
}

/** A client of the standby: a new session for each read. */
function reader(port: number, material: Material): LoadClient {
  let opened = 0;
  return {
    group: 'reading',
    async operation() {
      opened++;
      const session = await PgConnection.open(port, material, 'app');
      const read = await session.query('select pg_is_in_recovery(), count(*) from load');
      if (read[0]?.[0] !== 't') throw new Error(`read ${JSON.stringify(read)}`);
      session.close();
    },
    connections: () => opened,
    close: () => {},
  };
}

describeLive('deploy to PostgreSQL under load: a primary and a standby that streams from it', () => {
  let ca: Deployer;
  let other: Buffer;
  let pair: Pair;
  const ports = new Map<string, number>();
  const dir = (name: string): string => join(place, 'etc', name);
  const memberOf = (name: string): PairMember => (name === 'pg-1' ? pair.primary : pair.standby);

  const states = ({ services }: DeployDocument): string[] =>
    services.filter(({ kind }) => kind === 'postgres').map(({ state }) => state);

  async function expectServed(certificates: Certificate[]): Promise<void> {
    const client = await material(dir('app'));
    for (const name of NODES)
      expect([name, await PgConnection.served(ports.get(name) as number, client)]).toEqual([
        name,
        fingerprintOf(certificates, name, 'data'),
      ]);
  }
  async function loaded(work: (progress: () => Promise<void>) => Promise<void>) {
    const client = await material(dir('app'));
    const [primary, standby] = [pair.primary.port, pair.standby.port];
    const writers = ([1, 2, 3, 4] as const).map((id) => new Writer(id, id < 3 ? 'lasting' : 'fresh', primary, client));
    const counted = await underLoad([...writers, reader(standby, client)], work);
    // No session of before was ended; every other operation had a session, and so a handshake, of its own.
    expect(counted.lasting?.connections).toBe(2);
    expect(counted.fresh?.connections).toBe(counted.fresh?.operations);
  }
  const inventory = (more: { primary?: string; standby?: string } = {}): string => {
    const psql = JSON.stringify([executable('psql') ?? 'psql', '-h', place, '-U', 'owner', '-d', 'postgres']);
    const reload = (name: string): string => `{ psql: ${psql.replace(']', `,"-p","${ports.get(name)}"]`)} }`;
    const service = (name: string, words = ''): string =>
      `  ${name}: { ip: [127.0.0.1], planes: [data], services: [{ kind: postgres, address: "127.0.0.1:${ports.get(name)}", dir: ${dir(name)}, ${words.includes('reload') ? '' : `reload: ${reload(name)}`}${words}${OWNER} }] }\n`;
    return `cluster: orders\nnodes:\n${service('pg-1', more.primary)}${service('pg-2', more.standby)}clients:\n  app: { services: [{ kind: files, dir: ${dir('app')} }] }\n  leaver: { services: [{ kind: files, dir: ${dir('leaver')} }] }\n`;
  };

  beforeAll(async () => {
    for (const name of NODES) ports.set(name, await freePort());
    ca = await Deployer.init(join(servers.directory, 'orders'), 'orders');
    other = await anotherRoot(join(servers.directory, 'billing'));
    await ca.issueInventory(inventory());
  });

  test('the files are placed before anything listens', async () => {
    const result = await ca.deploy();
    expect([result.code, states(result.json())]).toEqual([0, ['placed', 'placed']]);
    pair = await startPostgresPair(
      servers,
      place,
      { primary: dir('pg-1'), standby: dir('pg-2') },
      { ports: { primary: ports.get('pg-1') as number, standby: ports.get('pg-2') as number }, crl: true },
    );
    await pair.primary.query('create role app login; create role leaver login');
    await pair.primary.query('create table load (key text primary key, value bigint); grant all on load to app');
    await until('the standby has it', async () => (await pair.standby.query("select to_regclass('load')")) === 'load');
  });

  test('rotate --all --deploy: the standby first, and no operation fails', async () => {
    let document: DeployDocument & { certificates: Certificate[] } = { services: [], waves: [], certificates: [] };
    await loaded(async () => {
      const result = await ca.rotate();
      expect([result.code, result.stderr]).toEqual([0, '']);
      document = result.json();
    });
    expect(states(document)).toEqual(['confirmed', 'confirmed']);
    const order = document.waves.flat().filter((name) => name.startsWith('pg'));
    expect(order).toEqual(['pg-2', 'pg-1']);
    const old = (name: string): ServiceObject['oldConnections'] =>
      document.services.find(({ node }) => node === name)?.oldConnections;
    expect(old('pg-1')?.what).toMatch(/^[234] client sessions?, 1 replication link$/);
    expect(old('pg-2')?.what).toContain('1 link to its primary');
    await expectServed(document.certificates);
    expect(await streams(pair)).toBe(true);
  }, 180_000);

  test('--cycle-connections: the stream is made anew with the new certificate of the standby', async () => {
    let made: Certificate[] = [];
    await loaded(async () => {
      const result = await ca.rotate('--cycle-connections');
      expect([result.code, result.stderr]).toEqual([0, '']);
      made = result.json().certificates;
      for (const { node, oldConnections } of (result.json() as DeployDocument).services)
        if (node === 'pg-1') expect(oldConnections?.what).toMatch(/^[234] client sessions?$/);
    });
    await expectServed(made);
    expect(await streams(pair)).toBe(true);
    const serial = await pair.primary.query(
      'select client_serial from pg_stat_ssl join pg_stat_replication using (pid)',
    );
    const own = made.find(({ node }) => node === 'pg-2');
    expect(BigInt(serial)).toBe(BigInt(`0x${own?.serial}`));
    await pair.primary.query("insert into load values ('last', 1) on conflict do nothing");
    await until(
      'it is on the standby',
      async () => (await pair.standby.query("select value from load where key = 'last'")) === '1',
    );
  }, 180_000);

  test('a change of the trust bundle alone, and a revoked client is refused from then on', async () => {
    for (const name of NODES) {
      await appendFile(join(dir(name), 'ca.pem'), other);
      await memberOf(name).query('select pg_reload_conf()');
    }
    await loaded(async (progress) => {
      const result = await ca.deploy();
      expect([result.code, result.stderr, states(result.json())]).toEqual([0, '', ['confirmed', 'confirmed']]);
      await progress();
      const leaver = await material(dir('leaver'));
      (await PgConnection.open(pair.primary.port, leaver, 'leaver')).close();
      const revoked = await ca.live(['revoke', 'leaver', '--reason', 'cessationOfOperation']);
      expect([revoked.code, revoked.stderr]).toEqual([0, '']);
      for (const { port } of [pair.primary, pair.standby])
        await expect(PgConnection.open(port, leaver, 'leaver')).rejects.toThrow(/revoked/);
    });
    await ca.issueClients('leaver');
    const again = await ca.deploy();
    expect([again.code, states(again.json())]).toEqual([0, ['unchanged', 'unchanged']]);
  }, 180_000);

  test('a key that it would not take is refused before anything is placed', async () => {
    await writeFile(ca.inventory, inventory({ standby: ', keyMode: "0640"' }));
    const result = await ca.rotate('--out', ca.out);
    expect(result.code).toBe(3);
    const failed = (result.json() as DeployDocument).services.find(({ node }) => node === 'pg-2');
    expect(failed?.error?.message).toMatch(/would not take the key: .*must be 0600; nothing was placed/);
    await writeFile(ca.inventory, inventory());
    expect(states((await ca.deploy()).json())).toEqual(['confirmed', 'confirmed']);
  }, 180_000);

  test('a command that does nothing: the files of before are put back, and the service is named', async () => {
    await writeFile(ca.inventory, inventory({ standby: 'reload: { command: ["true"], timeout: 2s }' }));
    const before = await readFile(join(dir('pg-2'), 'cert.pem'), 'utf8');
    const result = await ca.rotate('--out', ca.out);
    expect([result.code, result.error().error.code]).toEqual([3, 'ERR_PARTIAL']);
    const failed = (result.json() as DeployDocument).services.find(({ node }) => node === 'pg-2');
    expect(failed?.error?.message).toMatch(
      /serves the certificate .*and not the one that was placed; the previous files were put back and are in use/,
    );
    expect(await readFile(join(dir('pg-2'), 'cert.pem'), 'utf8')).toBe(before);
    expect(await streams(pair)).toBe(true);
    await writeFile(ca.inventory, inventory());
    expect(states((await ca.deploy()).json())).toEqual(['confirmed', 'confirmed']);
  }, 180_000);

  test('killed at any moment, the next run makes it whole', async () => {
    const whole = async (certificates: Certificate[]): Promise<void> => {
      await expectServed(certificates);
      await until('the standby streams', () => streams(pair));
    };
    await ca.killed(NODES.map(dir), [0, 400, 1200], whole, { args: ['--cycle-connections'] });
  }, 240_000);

  test('verify --inventory finds nothing to say', () => ca.expectNothingFound(dir('app')));
});
