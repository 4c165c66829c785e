import { describe, expect, test } from '@jest/globals';
import { sha256Hex } from '../../src/crypto/hash.ts';
import { type AlertChange, alertChanges } from '../../src/keystore/log/alerts.ts';
import type { Bodies, CrlRef } from '../../src/keystore/log/bodies.ts';
import { encodeRecord } from '../../src/keystore/log/record.ts';
import { encodePack } from '../../src/keystore/pack.ts';
import {
  AUDIT,
  FIRST,
  IDENTITY,
  type Issued,
  packOf,
  SmallLog,
  START,
  serialOf,
  unsignedCertificate,
} from './support/small-log.ts';

const HASH = '11'.repeat(32);
const HOUR = 3_600_000;
const node = (n: number, name = 'n1'): Issued => ({
  kind: 'node',
  name,
  plane: 'data',
  serial: serialOf(n),
  notBefore: Math.floor(START / 1000) * 1000,
  notAfter: Math.floor(START / 1000) * 1000 + 90 * 24 * HOUR,
});

async function opened(fill: (log: SmallLog) => Promise<void>) {
  const log = new SmallLog();
  await fill(log);
  return (await log.open()).state;
}

async function refused(message: string, fill: (log: SmallLog) => Promise<void>): Promise<void> {
  const log = new SmallLog();
  await fill(log);
  await expect(log.open()).rejects.toMatchObject({
    code: 'ERR_KEYSTORE_TAMPERED',
    message: expect.stringContaining(message),
  });
}

const crl = (number: string, authority = 'issuing-g1.1'): CrlRef => ({
  authority,
  number,
  sha256: '22'.repeat(32),
  thisUpdate: '2026-01-02T03:04:05.000Z',
  nextUpdate: '2026-02-02T03:04:05.000Z',
});

describe('place and time', () => {
  const NOTHING = { serials: [] };

  test('a second init', () => refused('second init', async (log) => log.append('init', await initBody())));

  test('another previous hash', () =>
    refused('does not follow', (log) => log.append('abandon', NOTHING, { prev: '00'.repeat(32) })));

  test('a record in the place of another', async () => {
    const log = new SmallLog();
    await log.append('abandon', NOTHING);
    await log.append('abandon', NOTHING);
    log.store.files.set('log/0/2', log.store.files.get('log/0/1') as Uint8Array);
    await expect(log.open()).rejects.toMatchObject({ code: 'ERR_KEYSTORE_TAMPERED' });
  });

  test('time may stand still, but not go back within an epoch', async () => {
    const at = (ms: number, epoch = 0) => ({ time: new Date(START + ms).toISOString(), epoch });
    const state = await opened(async (log) => {
      await log.append('abandon', NOTHING, at(0));
      await log.append('abandon', NOTHING, at(-HOUR, 1));
      await log.append('abandon', NOTHING, at(-HOUR, 1));
      await log.append('abandon', NOTHING, at(HOUR, 2));
    });
    expect(state).toMatchObject({ epoch: 2, time: START + HOUR, createdAt: START, seq: 4 });
    await refused('older than', (log) => log.append('abandon', NOTHING, at(-1)));
    await refused('skips a time epoch', (log) => log.append('abandon', NOTHING, at(0, 2)));
    await refused('skips a time epoch', async (log) => {
      await log.append('abandon', NOTHING, at(0, 1));
      await log.append('abandon', NOTHING, at(HOUR, 0));
    });
  });

  test('a log without record 0, and one that begins with another operation', async () => {
    const log = new SmallLog();
    log.store.files.delete('log/0/0');
    await expect(log.open()).rejects.toMatchObject({ code: 'ERR_KEYSTORE_TAMPERED' });
    log.seq = -1;
    await log.append('abandon', NOTHING, { prev: sha256Hex(log.store.files.get('KEYSTORE') as Uint8Array) });
    await expect(log.open()).rejects.toMatchObject({ code: 'ERR_KEYSTORE_TAMPERED' });
  });
});

describe('record 0', () => {
  const begun = async (change: (body: Bodies['init']) => Partial<Bodies['init']>) => {
    const body = await initBody();
    const entry = JSON.parse(Buffer.from(FIRST).toString().split('\n')[0] as string);
    const bytes = await encodeRecord(
      IDENTITY.id,
      { ...entry, epoch: 0, body: { ...body, ...change(body) } },
      AUDIT.signer,
    );
    const log = new SmallLog();
    log.store.files.set('log/0/0', bytes);
    return log.open();
  };

  test.each<[string, (body: Bodies['init']) => Partial<Bodies['init']>]>([
    ['an authority twice', ({ authorities }) => ({ authorities: [...authorities, ...authorities] })],
    ['a slot twice', ({ slots }) => ({ slots: [...slots, ...slots] })],
    ['a CRL twice', ({ crls }) => ({ crls: [...crls, ...crls] })],
    ['a CRL of nobody', () => ({ crls: [crl('1', 'root-g7')] })],
    ['a certificate that is none', ({ audit }) => ({ audit: { ...audit, certificate: 'MAA=' } })],
  ])('refused: %s', async (_, change) => {
    await expect(begun(change)).rejects.toMatchObject({ code: 'ERR_KEYSTORE_TAMPERED', exitCode: 13 });
  });

  test('as it is', async () => {
    expect((await begun(() => ({}))).state.cluster).toBe('vector');
  });
});

describe('reserve and issue', () => {
  const issue = (log: SmallLog, pack: Uint8Array, changes: Partial<Bodies['issue']> = {}) => {
    log.store.files.set(`objects/${sha256Hex(pack)}`, pack);
    return log.append('issue', { requestHash: HASH, reserve: 1, pack: sha256Hex(pack), count: 2, ...changes });
  };
  const reserve = (log: SmallLog, ...serials: string[]) => log.append('reserve', { requestHash: HASH, serials });
  const two = [node(1), node(2, 'n2')];
  const serials = two.map(({ serial }) => serial);

  test('the serials reserved, in their order', async () => {
    const state = await opened(async (log) => {
      await reserve(log, ...serials);
      await issue(log, packOf(two));
    });
    expect(state.openReserves).toEqual([]);
  });

  test.each<[string, string, (log: SmallLog) => Promise<void>]>([
    ['no reserve at all', 'not reserved', (log) => issue(log, packOf(two))],
    [
      'a reserve used twice',
      'not reserved',
      async (log) => {
        await reserve(log, ...serials);
        await issue(log, packOf(two));
        await issue(log, packOf(two));
      },
    ],
    [
      'another reserve',
      'not reserved',
      async (log) => {
        await reserve(log, ...serials);
        await issue(log, packOf(two), { reserve: 0 });
      },
    ],
    [
      'another order',
      'does not issue the serials',
      async (log) => {
        await reserve(log, ...serials);
        await issue(log, packOf(two.toReversed()));
      },
    ],
    [
      'fewer',
      'does not issue the serials',
      async (log) => {
        await reserve(log, ...serials);
        await issue(log, packOf(two.slice(0, 1)));
      },
    ],
    [
      'more',
      'does not issue the serials',
      async (log) => {
        await reserve(log, ...serials);
        await issue(log, packOf([...two, node(3)]));
      },
    ],
    [
      'another count',
      'does not issue the serials',
      async (log) => {
        await reserve(log, ...serials);
        await issue(log, packOf(two), { count: 3 });
      },
    ],
    [
      'octets of one serial moved to the next',
      '20 octets',
      async (log) => {
        await reserve(log, ...serials);
        const all = serials.join('');
        const moved = [all.slice(0, 38), all.slice(38)];
        await issue(log, packOf(two.map((issued, i) => ({ ...issued, serial: moved[i] as string }))));
      },
    ],
    [
      'a certificate of another CA',
      'another CA',
      async (log) => {
        await reserve(log, ...serials);
        const foreign = new Uint8Array(Buffer.from('300c310a300806035504030c0178', 'hex'));
        const entry = { kind: 'node' as const, name: 'n1', plane: 'data', profile: 'peer' as const };
        await issue(log, encodePack(two.map((issued) => ({ ...entry, der: unsignedCertificate(issued, foreign) }))));
      },
    ],
    [
      'octets that are no certificate',
      'cannot be read',
      async (log) => {
        await reserve(log, ...serials);
        const entry = { kind: 'node' as const, name: 'n1', plane: 'data', profile: 'peer' as const };
        await issue(log, encodePack(two.map(() => ({ ...entry, der: Uint8Array.of(0x30, 0) }))));
      },
    ],
    [
      'a pack that is missing',
      'is missing',
      async (log) => {
        await reserve(log, ...serials);
        await issue(log, packOf(two));
        log.store.files.delete(`objects/${sha256Hex(packOf(two))}`);
      },
    ],
    [
      'a pack that was changed',
      'not what the log names',
      async (log) => {
        await reserve(log, ...serials);
        await issue(log, packOf(two));
        log.store.files.set(`objects/${sha256Hex(packOf(two))}`, packOf([node(1)]));
      },
    ],
  ])('refused: %s', (_, message, fill) => refused(message, fill));

  test('a reserve lives for 4,096 records, counted at the next reserve', async () => {
    const log = new SmallLog();
    await reserve(log, ...serials);
    const keystore = await log.open();
    expect(keystore.state.openReserves).toHaveLength(1);
    for (let i = 0; i < 4095; i++) await log.append('abandon', { serials: [] });
    await reserve(log, serialOf(9));
    expect((await log.open()).state.openReserves.map(({ seq }) => seq)).toEqual([4097]);
    expect([...log.store.files.keys()]).toContain('log/1/4096');
  });
});

describe('CRLs, revocations, slots, backups', () => {
  test.each<[string, string, (log: SmallLog) => Promise<void>]>([
    ['a CRL number that does not grow', 'does not grow', async (log) => log.append('crl', { crls: [crl('1')] })],
    ['the number there is', 'does not grow', async (log) => log.append('crl', { crls: [crl(await current())] })],
    ['an authority twice', 'twice', (log) => log.append('crl', { crls: [crl(BIG), crl(`${BIG}1`)] })],
    ['an authority that is none', 'no authority', (log) => log.append('crl', { crls: [crl(BIG, 'root-g2')] })],
    [
      'a revocation by an authority that is none',
      'no authority',
      (log) => log.revoke([{ authority: 'issuing-g2.1', serial: '01', reason: 'superseded' }]),
    ],
    ['a slot twice', 'twice', async (log) => log.append('slots', { slots: (await slots()).flatMap((s) => [s, s]) })],
  ])('refused: %s', (_, message, fill) => refused(message, fill));

  test('a CRL replaces its authority’s, in its place; slots replace all; the last backup counts', async () => {
    const kept = (await slots()).slice(1);
    const state = await opened(async (log) => {
      await log.append('crl', { crls: [crl(BIG, 'root-g1'), crl(BIG)] });
      await log.append('slots', { slots: kept });
      await log.append('backup', { id: '00'.repeat(16), root: true });
      await log.append('backup', { id: '01'.repeat(16), root: false });
    });
    expect(state.crls.map(({ authority, number }) => [authority, number])).toEqual([
      ['issuing-g1.1', BIG],
      ['root-g1', BIG],
    ]);
    expect(state.slots).toEqual(kept);
    expect(state.backup).toEqual({ id: '01'.repeat(16), root: false, seq: 4, time: START + 4000 });
  });

  test('of several settings of the scheduler the last counts', async () => {
    const state = await opened(async (log) => {
      await log.append('scheduler', { cronExpression: '0 * * * *', enabled: false, rotateBeforeDays: 30 });
      await log.append('scheduler', { cronExpression: '5 4 * * *', enabled: true });
    });
    expect(state.scheduler).toEqual({ cronExpression: '5 4 * * *', enabled: true });
  });

  test('a service whose deployment is not done stays undone since it first was, until it is done', async () => {
    const service = (name: string, state: 'confirmed' | 'pending' | 'failed') =>
      ({ kind: 'node', name, plane: 'data', service: 'redis 127.0.0.1:7001', state }) as const;
    const state = await opened(async (log) => {
      await log.append('deploy', { services: [service('n1', 'pending'), service('n2', 'failed')] });
      await log.append('deploy', { services: [service('n1', 'failed'), service('n2', 'confirmed')] });
    });
    expect(state.undone).toEqual([{ ...service('n1', 'failed'), since: START + 1000 }]);
    const done = await opened(async (log) => {
      await log.append('deploy', { services: [service('n1', 'pending')] });
      await log.append('deploy', { services: [service('n1', 'confirmed')] });
    });
    expect(done).not.toHaveProperty('undone');
  });

  test('an alert is open from when it was raised until it is resolved', async () => {
    const change = (subject: string, event: AlertChange['event'], severity: AlertChange['severity'] = 'warning') => ({
      changes: [{ event, name: 'node_drift', subject, severity, since: 5 }],
    });
    const state = await opened(async (log) => {
      await log.append('alerts', change('n1', 'raised'));
      await log.append('alerts', change('n2', 'raised'));
      await log.append('alerts', change('n1', 'escalated', 'critical'));
      await log.append('alerts', change('n2', 'resolved'));
      await log.append('alerts', change('n3', 'resolved'));
    });
    const n1 = { name: 'node_drift', subject: 'n1', severity: 'critical', since: 5 };
    expect(state.alerts).toEqual([{ ...n1, raisedAt: START + 1000, notifiedAt: START + 3000 }]);
    const over = await opened(async (log) => {
      await log.append('alerts', change('n1', 'raised'));
      await log.append('alerts', change('n1', 'resolved'));
    });
    expect(over).not.toHaveProperty('alerts');
  });

  test('no more than 1,024 alerts are open, none of which a new one pushes out', async () => {
    const state = await opened(async (log) => {
      for (let start = 0; start < 1280; start += 256)
        await log.append('alerts', {
          changes: Array.from({ length: 256 }, (_, i) => ({
            event: 'raised',
            name: 'node_drift',
            subject: `n${start + i}`,
            severity: 'warning',
            since: 0,
          })),
        });
    });
    expect(state.alerts).toHaveLength(1024);
    expect(state.alerts?.at(-1)?.subject).toBe('n1023');
  });

  test.each([
    ['a control character', { subject: 'n1\u0007' }],
    ['no subject', { subject: '' }],
    ['a long subject', { subject: 'x'.repeat(201) }],
    ['a name of another form', { name: 'Node' }],
  ])('no record holds an alert with %s', (_, part) => {
    const change = { event: 'raised', name: 'node_drift', subject: 'n1', severity: 'info', since: 0, ...part };
    expect(() => alertChanges({ changes: [change] }, 'body')).toThrow(/is not the (subject|name) of an alert/);
  });
});

const BIG = '9'.repeat(40);
const initBody = async (): Promise<Bodies['init']> => {
  const { cluster, policy, authorities, audit, slots: all, crls } = (await new SmallLog().open()).state;
  return { cluster, policy, authorities, audit, slots: all, crls };
};
const slots = async () => (await initBody()).slots;
const current = async () => (await initBody()).crls[0]?.number as string;

describe('join tokens and agents', () => {
  const token = (n: number, expiresAt = '2026-01-02T04:04:05.000Z') => ({
    sha256: serialOf(n).padEnd(64, '0'),
    node: 'n1',
    planes: ['data'],
    expiresAt,
  });

  test('a token is there until it ends, is used once, and is ended', async () => {
    const state = await opened(async (log) => {
      await log.append('join-token', token(1, '2026-01-02T03:04:07.000Z'));
      await log.append('join-token', token(2));
      await log.append('join-token', token(3));
      await log.append('join-token-used', { sha256: token(2).sha256, keys: HASH });
      await log.append('join-tokens-ended', { sha256: [token(3).sha256, HASH] });
    });
    const { expiresAt, ...rest } = token(2);
    expect(state.joinTokens).toEqual([{ ...rest, madeAt: START + 2000, expiresAt: Date.parse(expiresAt), keys: HASH }]);
    const none = await opened(async (log) => {
      await log.append('join-token', token(1));
      await log.append('join-tokens-ended', { sha256: [token(1).sha256] });
    });
    expect('joinTokens' in none).toBe(false);
  });

  test('used twice, used without being there, made twice', async () => {
    await refused('not open', async (log) => {
      await log.append('join-token', token(1));
      await log.append('join-token-used', { sha256: token(1).sha256, keys: HASH });
      await log.append('join-token-used', { sha256: token(1).sha256, keys: HASH });
    });
    await refused('not open', (log) => log.append('join-token-used', { sha256: HASH, keys: HASH }));
    await refused('twice', async (log) => {
      await log.append('join-token', token(1));
      await log.append('join-token', token(1));
    });
  });

  test('nodes with an agent: in the order in which they joined, none twice', async () => {
    const state = await opened(async (log) => {
      await log.append('agents', { joined: ['n1', 'n2'], left: [] });
      await log.append('agents', { joined: ['n3', 'n2'], left: ['n1'] });
    });
    expect(state.agents).toEqual(['n2', 'n3']);
    const none = await opened(async (log) => {
      await log.append('agents', { joined: ['n1'], left: [] });
      await log.append('agents', { joined: [], left: ['n1'] });
    });
    expect('agents' in none).toBe(false);
  });
});
