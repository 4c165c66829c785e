import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Hosts } from '../../src/hosts/hosts.ts';
import type { Service } from '../../src/inventory/services.ts';
import { toHex } from '../../src/pki/encoding.ts';
import { parseCertificate } from '../../src/pki/x509/certificate.ts';
import { type Looking, lookAt } from '../../src/rollover/evidence/look.ts';
import type { Side } from '../../src/rollover/phase.ts';
import type { Proof } from '../../src/rollover/planning/proof.ts';
import { certificatePem, identity, tlsServer } from '../endpoint/tls-server.ts';
import type { Entity } from '../support/make-pki.ts';
import { scratch } from '../support/scratch.ts';
import { hierarchy } from './hierarchy.ts';

// Real handshakes with TLS servers of this process: what they prove of whom the server trusts.

const sides = { old: hierarchy('Old'), new: hierarchy('New') };
const other = hierarchy('Other');

const issuers = new Map(
  (['old', 'new'] as const).map((side) => [toHex(parseCertificate(sides[side].issuing.der).subject), side]),
);
const hosts = new Hosts();
const directory = await scratch('evidence');
let made = 0;

function looking(more: Partial<Looking> = {}): Looking {
  return {
    form: 'root',
    anchors: { old: sides.old.root.der, new: sides.new.root.der },
    sideOf: ({ issuer }) => issuers.get(toHex(issuer)),
    probes: {
      old: identity(sides.old.probe, sides.old.issuing),
      new: identity(sides.new.probe, sides.new.issuing),
      stranger: identity(other.probe, other.issuing),
    },
    host: hosts.of({ ssh: undefined }),
    now: () => new Date(),
    ...more,
  };
}

/** A service whose files have these anchors, and a server that has loaded those. */
async function service(
  loaded: readonly Entity[],
  more: {
    onDisk?: readonly Side[];
    serves?: Side;
    kind?: Service['kind'];
    client?: boolean;
    checks?: boolean;
    asks?: boolean;
  } = {},
): Promise<Service> {
  const { onDisk = [], serves = 'old', kind = 'exec', client = false, checks = true, asks = checks } = more;
  const { server, issuing } = sides[serves];
  const port = await tlsServer(
    {
      ...identity(server, issuing),
      ca: certificatePem(...loaded),
      requestCert: asks,
      rejectUnauthorized: checks,
    },
    kind === 'redis' ? '+PONG\r\n' : undefined,
  );
  const dir = join(directory, `tls-${made++}`);
  await mkdir(dir);
  const files = {
    'cert.pem': certificatePem(server, issuing),
    'ca.pem': onDisk.map((side) => certificatePem(sides[side].root)).join(''),
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(dir, name), content);
  return {
    holder: { kind: client ? 'client' : 'node', name: 'n1' },
    plane: client ? '' : 'data',
    kind,
    address: `127.0.0.1:${port}`,
    dir,
    label: `${kind} 127.0.0.1:${port}`,
  } as Service;
}

const found = (proofs: readonly Proof[]): object[] =>
  proofs.map(({ role, trustsOld, trustsNew, serves, provenBy }) => ({ role, trustsOld, trustsNew, serves, provenBy }));
const { old, new: fresh } = sides;

describe('what a service proves', () => {
  test('by handshakes, whom it accepts; by its files, whom it connects to', async () => {
    const both = await service([old.root, fresh.root], { onDisk: ['old', 'new'] });
    expect(found(await lookAt(both, looking()))).toEqual([
      { role: 'accept', trustsOld: true, trustsNew: true, serves: 'old', provenBy: 'handshake' },
      { role: 'connect', trustsOld: true, trustsNew: true, serves: 'old', provenBy: 'file' },
    ]);
  });

  test('absence, since it accepts the other one in the same minute', async () => {
    const one = await service([fresh.root], { onDisk: ['new'], serves: 'new' });
    expect(found(await lookAt(one, looking()))).toMatchObject([
      { trustsOld: false, trustsNew: true, serves: 'new', provenBy: 'handshake' },
      { trustsOld: false, trustsNew: true, serves: 'new', provenBy: 'file' },
    ]);
  });

  test('nothing, where it refuses both', async () => {
    const neither = await service([other.root], { onDisk: ['new'] });
    const [accept, connect] = await lookAt(neither, looking());
    // The one that it does accept is of a CA that nobody knows.
    expect(accept).toMatchObject({ serves: 'old', error: expect.stringContaining('a CA that nobody knows') });
    expect([accept?.trustsOld, accept?.trustsNew]).toEqual([undefined, undefined]);
    expect(connect?.error).toContain('a CA that nobody knows');
    const late = await service([hierarchy('Late').root], { onDisk: ['new'] });
    const [refusing] = await lookAt(late, looking());
    expect(refusing).toMatchObject({ error: expect.stringContaining('refuses the probes of both CAs') });
    expect([refusing?.trustsOld, refusing?.trustsNew]).toEqual([undefined, undefined]);
  });

  test('nothing, where it checks nobody', async () => {
    const open = await service([], { onDisk: ['old'], checks: false });
    const asksNot = await lookAt(open, looking());
    expect(asksNot).toMatchObject([
      { role: 'accept', checksNone: true, serves: 'old', provenBy: 'handshake' },
      { role: 'connect', trustsOld: true, trustsNew: false, serves: 'old', provenBy: 'file' },
    ]);
    expect(asksNot[0]).not.toHaveProperty('trustsNew');
    for (const one of asksNot) expect(one).not.toHaveProperty('error');
    // Of a Redis it says nothing of whom it connects to: its files do, once the inventory says that it is meant.
    const redis = await service([], { onDisk: ['old'], checks: false, kind: 'redis' });
    const [, connect] = await lookAt(redis, looking());
    expect(connect).toMatchObject({ serves: 'old', error: expect.stringContaining('verifyClient: none') });
    expect(connect).not.toHaveProperty('trustsOld');
    const meant = await lookAt({ ...redis, verifyClient: 'none' }, looking());
    expect(meant).toMatchObject([
      { checksNone: true, provenBy: 'handshake' },
      { trustsOld: true, trustsNew: false, provenBy: 'file' },
    ]);
  });

  test('nothing, where it asks for a certificate and takes any; but for one that is said to', async () => {
    const any = await service([], { onDisk: ['old'], asks: true, checks: false });
    const [accept] = await lookAt(any, looking());
    expect(accept).toMatchObject({ serves: 'old', error: expect.stringContaining('verifyClient: none') });
    expect(accept).not.toHaveProperty('checksNone');
    expect((await lookAt({ ...any, verifyClient: 'none' }, looking()))[0]).toMatchObject({ checksNone: true });
    // The inventory is not believed: one that does check is proven as any other.
    const checking = await service([old.root, fresh.root], { onDisk: ['old', 'new'] });
    const [said] = await lookAt({ ...checking, verifyClient: 'none' }, looking());
    expect(said).toMatchObject({ trustsOld: true, trustsNew: true, error: expect.stringContaining('it checks') });
    expect(said).not.toHaveProperty('checksNone');
  });

  test('files that are not loaded yet say nothing of whom it connects to', async () => {
    const ahead = await service([old.root], { onDisk: ['old', 'new'] });
    const [accept, connect] = await lookAt(ahead, looking());
    expect(accept).toMatchObject({ trustsOld: true, trustsNew: false });
    expect(connect).toMatchObject({ error: 'what it has loaded is not what is on its disk' });
    expect(connect).not.toHaveProperty('trustsNew');
  });

  test('a handshake proves both roles of a Redis; a client has one', async () => {
    const redis = await service([old.root, fresh.root], { kind: 'redis', onDisk: ['old'] });
    expect((await lookAt(redis, looking())).map(({ role }) => role)).toEqual(['accept', 'connect']);
    const app = await service([old.root], { kind: 'files', client: true, onDisk: ['old', 'new'] });
    expect(found(await lookAt(app, looking()))).toEqual([
      { role: 'connect', trustsOld: true, trustsNew: true, serves: 'old', provenBy: 'file' },
    ]);
  });

  test('one that is down says so, and its files prove nothing of it', async () => {
    const one = await service([old.root], { onDisk: ['old', 'new'] });
    const gone = { ...one, address: '127.0.0.1:1' };
    const proofs = await lookAt(gone, looking());
    expect(proofs[0]).toMatchObject({ role: 'accept', error: expect.stringContaining('connection refused') });
    for (const one of proofs) expect(one).not.toHaveProperty('provenBy');
  });

  test('of a CA whose key is not ours: whether the server names it', async () => {
    const { old: _, ...probes } = looking().probes as NonNullable<Looking['probes']>;
    const foreign = looking({ form: 'foreign', probes });
    for (const [loaded, trustsOld] of [
      [[old.root, fresh.root], true],
      [[fresh.root], false],
    ] as const) {
      const one = await service(loaded, { onDisk: trustsOld ? ['old', 'new'] : ['new'] });
      expect((await lookAt(one, foreign))[0]).toMatchObject({ trustsOld, trustsNew: true, provenBy: 'handshake' });
    }
  });
});
