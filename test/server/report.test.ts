import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Material } from '../support/tls.ts';
import { warmCli } from '../support/warm.ts';
import { Daemon } from './daemon.ts';

// What comes by the routes of agents is held against the schemas, and a node speaks for itself alone.

const daemon = await Daemon.make('orders');
let n1: Required<Material>;
const report = { agent: 'x', rank: 0, certificates: [], services: [], rotations: [] };
const tell = (path: string, body: object) => daemon.call(n1, path, { method: 'POST', body });

beforeAll(async () => {
  n1 = await daemon.node('n1');
  await daemon.start();
});

test('heard: once in the log, however often', async () => {
  for (let i = 0; i < 3; i++) expect((await tell('/v1/nodes/n1/report', report)).status).toBe(204);
  const { stdout } = await warmCli(['audit', 'export', '--format', 'ndjson'], { env: daemon.ca.env });
  const records = stdout.split('\n').filter((line) => line.includes('"op":"agents"'));
  expect(records.map((line) => JSON.parse(line).body)).toEqual([{ joined: ['n1'], left: [] }]);
});

describe.each(['report', 'next'])('%s', (what) => {
  test.each([
    'n1%2f..%2fn2',
    '..',
    '%2e%2e',
    'n1%00',
    'N1',
    'n1.',
    'n%C4%B1',
    '%E2%80%AEn1',
    'clients',
    'n1%0d%0aX',
    'n2',
  ])('tricks in the name: %s', async (name) => {
    const path = `/v1/nodes/${name}/${what}`;
    const { status } = what === 'next' ? await daemon.call(n1, path) : await tell(path, report);
    expect([400, 403, 404]).toContain(status);
  });
});

test.each<[string, object]>([
  ['no members', {}],
  ['an unknown member', { ...report, role: 'operator' }],
  ['a rotation that is none', { ...report, rotations: [{ id: '../x' }] }],
  [
    'a plane that is none',
    { ...report, certificates: [{ plane: '../x', fingerprint: 'aa'.repeat(32), serial: '40', notAfter: '' }] },
  ],
  ['too many services', { ...report, services: Array.from({ length: 201 }, () => ({})) }],
  ['a list that is none', { ...report, services: 'all' }],
])('refused: %s', async (_, body) => {
  const { status, headers } = await tell('/v1/nodes/n1/report', body);
  expect([status, headers['content-type']]).toEqual([400, 'application/problem+json; charset=utf-8']);
});

test.each(['wait=301', 'wait=-1', 'wait=x', 'seen=x', 'other=1'])('next?%s', async (query) => {
  expect((await daemon.call(n1, `/v1/nodes/n1/next?${query}`)).status).toBe(400);
});
