import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { Hosts } from '../../src/hosts/hosts.ts';
import type { Service } from '../../src/inventory/services.ts';
import { toHex } from '../../src/pki/encoding.ts';
import { OID } from '../../src/pki/oids.ts';
import { parseCertificate } from '../../src/pki/x509/certificate.ts';
import { extKeyUsage } from '../../src/pki/x509/extensions.ts';
import { ipName } from '../../src/pki/x509/general-name.ts';
import { type Looking, lookAt } from '../../src/rollover/evidence/look.ts';
import type { ListenerProbes } from '../../src/rollover/evidence/probes.ts';
import type { Side } from '../../src/rollover/phase.ts';
import type { Proof } from '../../src/rollover/planning/proof.ts';
import { askHaProxy } from '../../src/targets/haproxy-socket.ts';
import { certificatePem, identity, keyPem, VALIDITY } from '../endpoint/tls-server.ts';
import { describeWith } from '../support/debian.ts';
import { type Entity, makeCa, makeLeaf, makeRoot } from '../support/make-pki.ts';
import { freePort } from '../support/ports.ts';
import { scratch } from '../support/scratch.ts';
import { Servers } from '../support/servers.ts';
import { type HaProxy, startHaProxy } from '../support/servers-haproxy.ts';

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
const host = hosts.of({ ssh: undefined });
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

const connect = async (one: Service, probes?: ListenerProbes): Promise<Partial<Proof>> => {
  const [, found] = await lookAt(one, looking(probes));
  const { role, trustsOld, trustsNew, serves, provenBy, how, error } = found as Proof;
  expect(role).toBe('connect');
  return { trustsOld, trustsNew, serves, provenBy, how, error };
};

const describeHaProxy = await describeWith('haproxy');

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
    await trust(dir, 'new');
    expect(await connect(one)).toMatchObject(both);
    await proxy.reload();
    expect(await connect(one)).toMatchObject({ ...both, trustsOld: false });
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
