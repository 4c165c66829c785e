import { expect, test } from '@jest/globals';
import type { Report } from '../../src/agent/protocol.ts';
import { Retry } from '../../src/agent/retry.ts';
import { reportedFindings } from '../../src/drift/reported.ts';
import type { Keystore } from '../../src/keystore/keystore.ts';
import { Agents } from '../../src/server/agents/agents.ts';
import { agentAlerts } from '../../src/server/agents/alerts.ts';

// What the daemon makes of what it hears, and of silence; by a clock of its own.

const [A, B, R, S] = ['aa', 'bb', 'cc', 'dd'].map((octet) => octet.repeat(32)) as [string, string, string, string];
const VERSION = '11'.repeat(16);
const service = { plane: 'data', kind: 'redis' as const, address: '127.0.0.1:7001', dir: '/tls', trusts: [R] };
const report = (more: Partial<Report> = {}): Report => ({
  agent: '0.1.0',
  version: VERSION,
  rank: 0,
  certificates: [],
  services: [{ ...service, state: 'confirmed', served: A, onDisk: A }],
  rotations: [],
  ...more,
});
const expected = { node: 'n1', issued: new Map([['data', A]]), anchors: [R], version: VERSION };

test('silent is who was not heard of for a minute, counted from the start of the daemon', async () => {
  let now = 1_000_000;
  const agents = new Agents(() => now);
  expect(agents.silentSince('n1')).toBeUndefined();
  now += 60_000;
  expect(agents.silentSince('n1')).toBe(1_000_000);
  agents.tell('n1', { report: report(), at: now, findings: [] });
  expect(agents.silentSince('n1')).toBeUndefined();
  now += 59_999;
  expect(agents.silentSince('n1')).toBeUndefined();
  const poll = agents.hold('n1', 60_000);
  now += 600_000;
  // Whose poll is held is there.
  expect([agents.silentSince('n1'), agents.held]).toEqual([undefined, 1]);
  agents.wakeAll();
  await poll;
  expect([agents.silentSince('n1'), agents.held]).toEqual([undefined, 0]);
});

test('a newer poll of a node ends the older; the end of the daemon ends all', async () => {
  const agents = new Agents(() => 0);
  const older = agents.hold('n1', 60_000);
  const newer = agents.hold('n1', 60_000);
  expect(await older).toBe(false);
  expect(agents.held).toBe(1);
  agents.stop();
  expect(await newer).toBe(true);
  await agents.hold('n1', 60_000);
  expect(agents.held).toBe(0);
});

test('a rotation wakes its node alone, and is asked for until it is done', async () => {
  const agents = new Agents(() => 0);
  const [own, other] = [agents.hold('n1', 60_000), agents.hold('n2', 60_000)];
  const done = agents.rotate('n1', [{ plane: 'data', serial: '40' }], { taken: 60_000, done: 60_000 });
  await own;
  expect(agents.held).toBe(1);
  const [asked] = agents.rotationsOf('n1');
  expect([asked?.planes, agents.rotationsOf('n1'), agents.rotationsOf('n2')]).toEqual([
    [{ plane: 'data', serial: '40' }],
    [asked],
    [],
  ]);
  agents.tell('n1', { report: report(), at: 0, findings: [] });
  expect(agents.rotationsOf('n1')).toEqual([asked]);
  const told = { report: report({ rotations: [{ id: asked?.id as string }] }), at: 1, findings: [] };
  agents.tell('n1', told);
  expect([await done, agents.rotationsOf('n1')]).toEqual([told, []]);
  agents.stop();
  await other;
});

test('who does not take the word is not waited for, and is asked when it is back', async () => {
  const agents = new Agents(() => 0);
  const planes = [{ plane: 'data', serial: '40' }];
  expect(await agents.rotate('n1', planes, { taken: 1, done: 60_000 })).toBeUndefined();
  expect(agents.rotationsOf('n1')).toMatchObject([{ planes }]);
  // Asked for again, it is the same.
  expect(await agents.rotate('n1', planes, { taken: 1, done: 2 })).toBeUndefined();
  expect(agents.rotationsOf('n1')).toHaveLength(1);
});

test('who restarts servers for what is new has its turn, one node after the other', async () => {
  let now = 0;
  const agents = new Agents(() => now);
  expect([agents.mayRestart('n1', VERSION), agents.mayRestart('n2', VERSION)]).toEqual([true, false]);
  const waiting = agents.hold('n2', 60_000);
  // Not before it has brought it about.
  agents.tell('n1', { report: report({ version: '22'.repeat(16) }), at: 0, findings: [] });
  expect([agents.held, agents.mayRestart('n1', VERSION), agents.mayRestart('n2', VERSION)]).toEqual([1, true, false]);
  agents.tell('n1', { report: report(), at: 0, findings: [] });
  await waiting;
  expect([agents.mayRestart('n2', VERSION), agents.mayRestart('n3', VERSION)]).toEqual([true, false]);
  // One that says nothing does not keep the others for ever.
  now += 120_000;
  expect(agents.mayRestart('n3', VERSION)).toBe(true);
});

test('one that waits for its turn and falls silent is waited for no longer, and keeps nobody from theirs', async () => {
  let now = 0;
  const agents = new Agents(() => now);
  for (const node of ['n1', 'n2', 'n3']) await agents.hold(node, 0);
  expect(['n1', 'n2', 'n3'].map((node) => agents.mayRestart(node, VERSION))).toEqual([true, false, false]);
  const ask = { id: '33'.repeat(16), form: 'root' as const, issuers: [] };
  const asked = agents.prove('n2', ask, { taken: 1, done: 1 });
  const third = agents.hold('n3', 60_000);
  // n2 was first to wait, and cannot be asked.
  agents.tell('n1', { report: report(), at: 0, findings: [] });
  expect([await third, agents.mayRestart('n3', VERSION)]).toEqual([true, true]);
  now += 60_000;
  expect(await asked).toBeUndefined();
});

test('who is handed what it has waited for without a turn, as one that was started anew, waits no longer', async () => {
  const agents = new Agents(() => 0);
  expect([agents.mayRestart('n1', VERSION), agents.mayRestart('n2', VERSION)]).toEqual([true, false]);
  expect(agents.rotationsOf('n2')).toEqual([]);
  expect(
    await agents.prove('n2', { id: '33'.repeat(16), form: 'root', issuers: [] }, { taken: 1, done: 1 }),
  ).toBeUndefined();
});

test('what is not as it should be keeps the time since when', () => {
  const agents = new Agents(() => 0);
  const down = report({ services: [{ ...service, state: 'pending', onDisk: A }] });
  agents.tell('n1', { report: down, at: 5, findings: [] });
  agents.tell('n1', { report: down, at: 9, findings: [] });
  expect(agents.openSince('n1', 'redis 127.0.0.1:7001')).toBe(5);
  agents.tell('n1', { report: report(), at: 10, findings: [] });
  agents.tell('n1', { report: down, at: 11, findings: [] });
  expect(agents.openSince('n1', 'redis 127.0.0.1:7001')).toBe(11);
});

test.each<[string, Partial<Report['services'][number]>, string[]]>([
  ['as it should be', {}, []],
  ['an older one served', { served: B }, ['stale-process']],
  ['an older one in both places', { served: B, onDisk: B }, ['disk-differs']],
  ['nothing on the disk', { onDisk: undefined }, ['disk-missing']],
  ['down', { served: undefined }, []],
  ['a root that it lacks', { trusts: [] }, ['bundle-lacks-root']],
  ['a CA that is not wanted', { trusts: [R, S] }, ['bundle-foreign-ca']],
])('drift: %s', (_, more, codes) => {
  const { served, onDisk, ...rest } = { ...service, state: 'confirmed' as const, served: A, onDisk: A, ...more };
  const told = {
    ...rest,
    ...(served === undefined ? {} : { served }),
    ...(onDisk === undefined ? {} : { onDisk }),
  };
  expect(reportedFindings(report({ services: [told] }), expected).map(({ code }) => code)).toEqual(codes);
});

test('an agent that has not heard of new anchors does not drift', () => {
  const before = { ...expected, anchors: [R, S], version: '22'.repeat(16) };
  expect(reportedFindings(report(), before)).toEqual([]);
});

test('pauses grow, are drawn at random, and end with a part of the shortest life', () => {
  const pauses = (random: number, life: number): number[] => {
    const retry = new Retry(500, 15_000, () => random);
    return Array.from({ length: 8 }, () => retry.failed(life, 0));
  };
  expect(pauses(1, 90 * 86_400_000)).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
  expect(pauses(0, 90 * 86_400_000)[0]).toBe(100);
  expect(Math.max(...pauses(1, 45_000))).toBe(2250);
  const retry = new Retry(500, 15_000, () => 1);
  retry.failed(1e9, 7);
  expect([retry.failures, retry.next]).toEqual([1, 507]);
  retry.succeeded();
  expect([retry.failures, retry.next]).toEqual([0, undefined]);
});

test('a daemon that stops waits for no word of an agent, which cannot reach it any more', async () => {
  const agents = new Agents(() => 0);
  const patience = { taken: 300_000, done: 300_000 };
  const before = agents.rotate('n1', [{ plane: 'data', serial: '01' }], patience);
  expect(agents.rotationsOf('n1')).toHaveLength(1);
  agents.stop();
  expect(await before).toBeUndefined();
  expect(await agents.rotate('n2', [{ plane: 'data', serial: '02' }], patience)).toBeUndefined();
});

test('what was told of a node that has no agent any more is over', async () => {
  const agents = new Agents(() => 0);
  agents.tell('n1', { report: report({ services: [{ ...service, state: 'failed' }] }), at: 0, findings: [] });
  const alerts = (known: string[]) => agentAlerts({ state: { agents: known } } as unknown as Keystore, agents);
  expect((await alerts(['n1'])).map(({ name }) => name)).toEqual(['node_deployment_failed']);
  expect(await alerts([])).toEqual([]);
});
