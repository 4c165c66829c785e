import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import type { Host } from '../../src/hosts/host.ts';
import { Hosts } from '../../src/hosts/hosts.ts';
import { SshHost } from '../../src/hosts/ssh-host.ts';
import type { Service } from '../../src/inventory/services.ts';
import { toHex } from '../../src/pki/encoding.ts';
import { OID } from '../../src/pki/oids.ts';
import { parseCertificate } from '../../src/pki/x509/certificate.ts';
import { extKeyUsage } from '../../src/pki/x509/extensions.ts';
import { ipName } from '../../src/pki/x509/general-name.ts';
import { type Looking, lookAt } from '../../src/rollover/evidence/look.ts';
import type { ListenerProbes, Probes } from '../../src/rollover/evidence/probes.ts';
import type { Side } from '../../src/rollover/phase.ts';
import type { Proof } from '../../src/rollover/planning/proof.ts';
import { askHaProxy } from '../../src/targets/haproxy-socket.ts';
import { readConninfo, writeConninfo } from '../../src/targets/postgres-conninfo.ts';
import { certificatePem, identity, keyPem, VALIDITY } from '../endpoint/tls-server.ts';
import { describeWith, executable } from '../support/debian.ts';
import { type Entity, makeCa, makeLeaf, makeRoot } from '../support/make-pki.ts';
import { freePort } from '../support/ports.ts';
import { scratch } from '../support/scratch.ts';
import { Servers, until } from '../support/servers.ts';
import { type HaProxy, startHaProxy } from '../support/servers-haproxy.ts';
import { startNginx } from '../support/servers-nginx.ts';
import { startPostgres } from '../support/servers-postgres.ts';
import { startSshd } from '../support/servers-ssh.ts';

// Real servers that are made to connect to an end of ours: what that proves of whom they trust as clients.

const NAME = 'cluster-ca-probe.orders.internal';
const OWN_NAME = `0123456789abcdef.${NAME}`;
const hierarchy = (name: string) => {
  const root = makeRoot(`CN=${name} Root`, VALIDITY);
  const issuing = makeCa(`CN=${name} Issuing`, root, VALIDITY);
  const leaf = (names: Parameters<typeof makeLeaf>[2], ...purposes: string[]): Entity =>
    makeLeaf('CN=leaf', issuing, names, { ...VALIDITY, extensions: [extKeyUsage(purposes as never)] });
  const dns = [NAME, OWN_NAME].map((value) => ({ type: 'dns' as const, value }));
  return {
    root,
    issuing,
    server: leaf([ipName('127.0.0.1')], OID.serverAuth, OID.clientAuth),
    probe: identity(leaf([], OID.clientAuth), issuing),
    shown: identity(leaf(dns, OID.serverAuth), issuing),
  };
};
const sides = { old: hierarchy('Old'), new: hierarchy('New') };
const other = hierarchy('Other');
const issuers = new Map(
  (['old', 'new'] as const).map((side) => [toHex(parseCertificate(sides[side].issuing.der).subject), side]),
);
const listener = (): ListenerProbes => ({
  old: sides.old.shown,
  new: sides.new.shown,
  stranger: other.shown,
  name: NAME,
  ownName: OWN_NAME,
});

const hosts = new Hosts();
const host: Host = hosts.of({ ssh: undefined });
const directory = await scratch('connect');
let made = 0;

const looking = (probes: ListenerProbes = listener()): Looking => ({
  form: 'root',
  anchors: { old: sides.old.root.der, new: sides.new.root.der },
  sideOf: ({ issuer }) => issuers.get(toHex(issuer)),
  probes: { old: sides.old.probe, new: sides.new.probe, stranger: other.probe, listener: probes },
  host,
  now: () => new Date(),
});

/** A directory with a server's files. */
async function files(...trusted: Side[]): Promise<string> {
  const dir = join(directory, `tls-${made++}`);
  await mkdir(dir);
  const { server, issuing } = sides.old;
  const certificate = certificatePem(server, issuing);
  const content = {
    'cert.pem': certificate,
    'key.pem': keyPem(server),
    'combined.pem': certificate + keyPem(server),
  };
  for (const [name, text] of Object.entries(content)) await writeFile(join(dir, name), text, { mode: 0o600 });
  await trust(dir, ...trusted);
  return dir;
}

const trust = (dir: string, ...trusted: Side[]): Promise<void> =>
  writeFile(join(dir, 'ca.pem'), trusted.map((side) => certificatePem(sides[side].root)).join(''));

const service = (kind: Service['kind'], port: number, dir: string, reload: Record<string, unknown>): Service =>
  ({
    holder: { kind: 'node', name: 'n1' },
    plane: 'data',
    kind,
    address: `127.0.0.1:${port}`,
    dir,
    reload,
    label: `${kind} 127.0.0.1:${port}`,
  }) as Service;

const connect = async (one: Service, probes?: ListenerProbes, from = host): Promise<Partial<Proof>> => {
  const [, found] = await lookAt(one, { ...looking(probes), host: from });
  const { role, trustsOld, trustsNew, serves, provenBy, how, error } = found as Proof;
  expect(role).toBe('connect');
  return { trustsOld, trustsNew, serves, provenBy, how, error };
};

const describeHaProxy = await describeWith('haproxy', 'ssh', 'sshd');

describeHaProxy('HAProxy, to whose backend a server is added', () => {
  const servers = new Servers('connect-haproxy');
  let running: HaProxy | undefined;
  const at = (name: string): string => join(servers.directory, name);
  const backendState = (): Promise<string> => askHaProxy(host, at('admin'), 'show servers state', 5_000);

  async function start(dir: string, more = '', server?: string) {
    const pem = join(dir, 'combined.pem');
    const anchors = join(dir, 'ca.pem');
    const port = await freePort();
    const behind = `127.0.0.1:${await freePort()}`;
    const proxy = await startHaProxy(
      servers,
      [
        {
          name: 'redis',
          port,
          pem,
          anchors,
          crl: '',
          server: `${behind} ${server ?? `ssl crt ${pem} ca-file ${anchors} verify required`}`,
          more,
        },
      ],
      { socket: at('admin') },
    );
    running = proxy;
    return { proxy, one: service('haproxy', port, dir, { socket: at('admin') }) };
  }
  afterEach(async () => {
    expect(await backendState()).not.toContain('cluster-ca-probe');
    await running?.server.stop();
  });

  test('whom it trusts is what it has loaded, and not what is on its disk', async () => {
    const dir = await files('old', 'new');
    const { proxy, one } = await start(dir);
    const how = 'a server without traffic, added to its backend redis for as long as it was asked';
    const both = { trustsOld: true, trustsNew: true, serves: 'old', provenBy: 'handshake', how };
    expect(await connect(one)).toMatchObject(both);
    // Of a CA that is being taken over there is no certificate to show.
    const { old: _, ...ours } = listener();
    const { old: __, ...probes } = looking(ours).probes as Probes;
    const [, foreign] = await lookAt(one, { ...looking(ours), form: 'foreign', probes });
    const byFile = { provenBy: 'file', how: expect.stringMatching(/key is not ours$/) };
    expect(foreign).toMatchObject({ trustsOld: true, trustsNew: true, ...byFile });
    await trust(dir, 'new');
    expect(await connect(one)).toMatchObject(both);
    await proxy.reload();
    expect(await connect(one)).toMatchObject({ ...both, trustsOld: false });
  });

  test('on another host: the port is led here by ssh, or it is its file', async () => {
    const { one } = await start(await files('old', 'new'));
    const both = { trustsOld: true, trustsNew: true, serves: 'old' };
    const PATH = process.env.PATH;
    try {
      for (const [lines, wanted] of [
        [[], { ...both, provenBy: 'handshake' }],
        [
          ['AllowTcpForwarding no', 'AllowStreamLocalForwarding yes'],
          { ...both, provenBy: 'file', how: expect.stringContaining('cannot listen on 127.0.0.1:0 of ssh:') },
        ],
      ] as const) {
        const sshd = await startSshd(servers, `sshd-${lines.length}`, { lines });
        process.env.PATH = `${sshd.bin}:${PATH}`;
        const there = new SshHost(sshd.destination);
        try {
          expect(await connect(one, undefined, there)).toMatchObject(wanted);
        } finally {
          await there.close();
        }
      }
    } finally {
      process.env.PATH = PATH;
    }
  });

  test('where none can be added, or nothing comes, its file says it, and why is told', async () => {
    const dir = await files('old', 'new');
    const byFile = (how: RegExp) => ({
      ...{ trustsOld: true, trustsNew: true, serves: 'old', provenBy: 'file' },
      how: expect.stringMatching(how),
    });
    const { one, proxy } = await start(dir, 'balance static-rr');
    expect(await connect(one)).toMatchObject(
      byFile(/^it adds no server to its backend redis: .*dynamic load balancing/i),
    );
    expect(await connect({ ...one, reload: {} })).toMatchObject(byFile(/names no socket/));
    await proxy.server.stop();
    const { one: plain } = await start(dir, '', ' ');
    expect(await connect(plain)).toMatchObject(byFile(/no server that it speaks TLS with/));
  });

  test('who refuses both proves nothing; what a killed run has left is removed by the next', async () => {
    const dir = await files('old', 'new');
    const { one } = await start(dir);
    const foreign: ListenerProbes = { ...listener(), old: other.shown, new: other.shown };
    const found = await connect(one, foreign);
    expect(found).toMatchObject({ error: expect.stringContaining('refuses the probes of both CAs') });
    expect([found.trustsOld, found.trustsNew]).toEqual([undefined, undefined]);
    const long = (Date.now() - 600_000).toString(36);
    for (const made of [long, Date.now().toString(36)])
      await askHaProxy(host, at('admin'), `add server redis/cluster-ca-probe-${made}-00 127.0.0.1:1 check`, 5_000);
    expect(await connect(one)).toMatchObject({ provenBy: 'handshake' });
    const left = (await backendState()).match(/cluster-ca-probe-\S+/g) ?? [];
    expect(left).toHaveLength(1);
    expect(left[0]).not.toContain(long);
    await askHaProxy(host, at('admin'), `del server redis/${left[0]}`, 5_000);
  });
});

const describeNginx = await describeWith('nginx');

describeNginx('nginx, by a location that leads to us', () => {
  const servers = new Servers('connect-nginx');
  const how = 'a request to its location /probe, which leads to an end of ours';

  test('whom it trusts is what it has loaded; who verifies nobody, and one without the location, by file', async () => {
    const dir = await files('old', 'new');
    const port = await freePort();
    const nginx = await startNginx(servers, dir, '', { workers: 2, probe: { port, name: NAME } });
    const reload = { pidFile: nginx.pidFile, connectProbe: { path: '/probe', port: String(port) } };
    const one = service('nginx', nginx.port, dir, reload);
    const both = { trustsOld: true, trustsNew: true, serves: 'old', provenBy: 'handshake', how };
    expect(await connect(one)).toMatchObject(both);
    await trust(dir, 'new');
    expect(await connect(one)).toMatchObject(both);
    nginx.server.signal('SIGHUP');
    await until('it has read that', async () => (await connect(one)).trustsOld === false);
    expect(await connect(one)).toMatchObject({ ...both, trustsOld: false });
    // Two services of one server have one port: they take turns.
    const twice = await Promise.all([connect(one), connect(one)]);
    expect(twice.map(({ provenBy }) => provenBy)).toEqual(['handshake', 'handshake']);
    const byFile = { trustsOld: false, trustsNew: true, provenBy: 'file' };
    const lost = { ...reload, connectProbe: { path: '/other', port: String(port) } };
    expect(await connect({ ...one, reload: lost })).toMatchObject({
      ...byFile,
      how: expect.stringMatching(
        /^it did not come to an end of ours on port \d+ .*: it answers HTTP\/1.1 200 OK to GET \/other$/,
      ),
    });
    expect(await connect({ ...one, reload: { pidFile: nginx.pidFile } })).toMatchObject({
      ...byFile,
      how: expect.stringMatching(/^nginx has no location/),
    });
    await nginx.server.stop();
    const open = await startNginx(servers, dir, '', { probe: { port, name: NAME, more: 'proxy_ssl_verify off;' } });
    expect(await connect({ ...one, address: `127.0.0.1:${open.port}` })).toMatchObject({
      ...byFile,
      how: expect.stringMatching(/verifies nobody$/),
    });
  });
});

const describePostgres = await describeWith('postgres');
const place = await scratch('connect-pg');

describePostgres('PostgreSQL, by psql with what its primary_conninfo says', () => {
  const servers = new Servers('connect-postgres');

  test('the file is read at each connection; who verifies nobody, and who connects to nobody, by file', async () => {
    const dir = await files('old', 'new');
    const postgres = await startPostgres(servers, place, dir, { demanding: false });
    const login = `host=127.0.0.1 port=${postgres.port} user=owner dbname=postgres sslmode=require`;
    const psql = [executable('psql') ?? 'psql', login];
    const one = service('postgres', postgres.port, dir, { psql });
    const say = async (conninfo: string): Promise<void> => {
      const set = `alter system set primary_conninfo = '${conninfo.replaceAll("'", "''")}'`;
      for (const command of [set, 'select pg_reload_conf()'])
        await host.run([...psql, '-X', '-q', '-c', command], { timeout: 20_000 });
    };
    const saying = async (conninfo: string, how: RegExp | string): Promise<Partial<Proof>> => {
      await say(conninfo);
      let found: Partial<Proof> = {};
      await until(`it says ${how}`, async () => {
        found = await connect(one);
        return new RegExp(how).test(found.how ?? '');
      });
      return found;
    };
    const byFile = { trustsOld: true, trustsNew: true, serves: 'old', provenBy: 'file' };
    expect(await connect(one)).toMatchObject({ ...byFile, how: 'it has no primary_conninfo: it connects to nobody' });
    const own = ['cert', 'key'].map((name) => `ssl${name}=${join(dir, `${name}.pem`)}`).join(' ');
    const upstream = `host=10.0.0.21 user=repl password='a b\\'c' ${own}`;
    const both = { trustsOld: true, trustsNew: true, serves: 'old', provenBy: 'handshake' };
    const full = await saying(`${upstream} sslmode=verify-full sslrootcert='${dir}/ca.pem'`, '^psql on its host');
    expect(full).toMatchObject(both);
    await trust(dir, 'new');
    // What it accepts by is not loaded anew; whom it connects to is.
    expect(await connect(one)).toMatchObject({ ...both, trustsOld: false });
    await trust(dir, 'old', 'new');
    expect(await saying(`${upstream} sslmode=require`, 'verifies nobody$')).toMatchObject(byFile);
    expect(await saying(`${upstream} sslmode=verify-ca sslrootcert=ca.pem`, 'not absolute$')).toMatchObject(byFile);
    const lost = `${upstream} sslmode=verify-ca sslrootcert=${dir}/none.pem`;
    expect(await saying(lost, 'did not come to .*none.pem" does not exist')).toMatchObject(byFile);
  });
});

test('connection strings as libpq reads them', () => {
  const read = (text: string): unknown => {
    const found = readConninfo(text);
    return found && Object.fromEntries(found);
  };
  expect(read('')).toEqual({});
  expect(read(" host=a  port = 5432 sslrootcert='/x y/it\\'s' options=a\\ b password='' ")).toEqual({
    host: 'a',
    port: '5432',
    sslrootcert: "/x y/it's",
    options: 'a b',
    password: '',
  });
  expect(read('postgresql://repl@a:1,b:2/db?sslmode=verify-ca&sslrootcert=%2Fx%20y%2F+.pem')).toEqual({
    sslmode: 'verify-ca',
    sslrootcert: '/x y/+.pem',
  });
  for (const broken of ['host', "host='a", "host=a'b'", 'host=a =b', "a='b'c=d"]) expect(read(broken)).toBeUndefined();
  const values = { sslrootcert: "/x y/it's\\", host: '' };
  expect(read(writeConninfo(new Map(Object.entries(values))))).toEqual(values);
});
