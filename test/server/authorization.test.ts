import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { Authority } from '../live/authority.ts';
import { scratch } from '../support/scratch.ts';
import type { Material } from '../support/tls.ts';
import { type Call, Daemon, materialOf } from './daemon.ts';

// Every route × every kind of caller. A route that is not in this table fails the test.

type Who = 'operator' | 'auditor' | 'n1' | 'n2' | 'client' | 'revoked' | 'expired' | 'other cluster' | 'nobody';

const EVERYBODY: readonly Who[] = ['operator', 'auditor', 'n1', 'n2', 'client'];
/** They do not get as far as HTTP. */
const TURNED_AWAY: readonly Who[] = ['expired', 'other cluster'];

interface Row {
  path: string;
  call?: Call;
  allowed: readonly Who[];
}

/** By method and path of the OpenAPI document. */
const TABLE: Record<string, Row> = {
  'GET /': { path: '/', allowed: ['operator', 'auditor'] },
  'GET /v1/cluster/certificates': { path: '/v1/cluster/certificates', allowed: ['operator', 'auditor'] },
  'GET /v1/cluster/alerts': { path: '/v1/cluster/alerts', allowed: ['operator', 'auditor'] },
  'POST /v1/cluster/certificates/rotate': {
    path: '/v1/cluster/certificates/rotate',
    call: { body: { nodes: ['unknown'] } },
    allowed: ['operator'],
  },
  'GET /v1/jobs/{job}': { path: `/v1/jobs/${'0'.repeat(32)}`, allowed: ['operator', 'auditor'] },
  'GET /v1/rollover': { path: '/v1/rollover', allowed: ['operator', 'auditor'] },
  'POST /v1/rollover/advance': { path: '/v1/rollover/advance', call: { body: {} }, allowed: ['operator'] },
  'POST /v1/rollover/rollback': { path: '/v1/rollover/rollback', call: { body: {} }, allowed: ['operator'] },
  'GET /v1/job_scheduler': { path: '/v1/job_scheduler', allowed: ['operator', 'auditor'] },
  'PUT /v1/job_scheduler': {
    path: '/v1/job_scheduler',
    call: { body: { cert_rotation_job_settings: {} } },
    allowed: ['operator'],
  },
  'POST /v1/nodes/{node}/certificates': {
    path: '/v1/nodes/n1/certificates',
    call: { body: { csr: 'none' } },
    allowed: ['n1'],
  },
  'GET /v1/nodes/{node}/next': { path: '/v1/nodes/n1/next', allowed: ['n1'] },
  'POST /v1/nodes/{node}/report': {
    path: '/v1/nodes/n1/report',
    call: { body: { agent: 'none' } },
    allowed: ['n1'],
  },
  'POST /v1/nodes/{node}/probes': { path: '/v1/nodes/n1/probes', call: { body: { csr: 'none' } }, allowed: ['n1'] },
  'GET /v1/openapi.json': { path: '/v1/openapi.json', allowed: ['operator', 'auditor', 'n1', 'n2'] },
};

const daemon = await Daemon.make('orders');
const elsewhere = join(await scratch('other'), 'ca');
const callers = new Map<Who, Material>();
const as = (who: Who): Material => callers.get(who) as Material;

beforeAll(async () => {
  const other = await Authority.init(elsewhere, 'orders');
  await other.run('issue', '--client', 'eve', '--role', 'operator', '--out', other.out);
  callers.set('operator', await daemon.person('ann', '--role', 'operator'));
  callers.set('auditor', await daemon.person('ben', '--role', 'auditor'));
  callers.set('client', await daemon.person('app'));
  callers.set('revoked', await daemon.person('rex', '--role', 'operator'));
  callers.set('expired', await daemon.person('old', '--role', 'operator', '--lifetime', '1s'));
  callers.set('n1', await daemon.node('n1'));
  callers.set('n2', await daemon.node('n2'));
  const { ca } = as('operator');
  callers.set('other cluster', { ...(await materialOf(other.client('eve'))), ca });
  callers.set('nobody', { ca });
  await daemon.start();
  // Beside the running daemon, which must see it.
  await daemon.ca.run('revoke', 'client:rex', '--yes');
});

test('the table has every route', async () => {
  const { paths } = (await daemon.call(as('operator'), '/v1/openapi.json')).json();
  const routes = Object.entries(paths as Record<string, Record<string, { security: unknown[] }>>).flatMap(
    ([path, methods]) =>
      Object.entries(methods).flatMap(([method, { security }]) =>
        security.length === 0 ? [] : [`${method.toUpperCase()} ${path}`],
      ),
  );
  expect(routes.sort()).toEqual(Object.keys(TABLE).sort());
});

describe.each(Object.entries(TABLE))('%s', (name, { path, call, allowed }) => {
  const method = name.split(' ')[0] as string;

  test.each(EVERYBODY)('%s', async (who) => {
    const { status, headers, json } = await daemon.call(as(who), path, { ...call, method });
    if (allowed.includes(who)) expect(status).not.toBe(403);
    else {
      expect([status, headers['content-type']]).toEqual([403, 'application/problem+json; charset=utf-8']);
      expect(json()).toMatchObject({ type: 'urn:cluster-ca:problem:not-authorized', status: 403 });
    }
  });

  test('revoked', async () => {
    const { status, json } = await daemon.call(as('revoked'), path, { ...call, method });
    expect([status, json().type]).toEqual([403, 'urn:cluster-ca:problem:certificate-not-accepted']);
  });

  test('nobody', async () => {
    const { status, json } = await daemon.call(as('nobody'), path, { ...call, method });
    expect([status, json().type]).toEqual([403, 'urn:cluster-ca:problem:certificate-not-accepted']);
  });

  test.each(TURNED_AWAY)('%s', async (who) => {
    await expect(daemon.call(as(who), path, { ...call, method })).rejects.toThrow(
      /certificate (required|expired)|unknown ca|ECONNRESET|socket hang up/i,
    );
  });
});

test('one route needs no certificate: it asks for a join token', async () => {
  const { paths } = (await daemon.call(as('operator'), '/v1/openapi.json')).json();
  const open = Object.entries(paths as Record<string, Record<string, { description: string; security: unknown[] }>>)
    .flatMap(([path, methods]) => Object.values(methods).map((one) => ({ path, ...one })))
    .filter(({ security, description }) => security.length === 0 && !description.includes('plain listener'));
  expect(open.map(({ path }) => path)).toEqual(['/v1/enroll']);
  const body = { node: 'n1', token: 'none', requests: [{ plane: 'data', csr: 'none' }] };
  const { status, json } = await daemon.call(as('nobody'), '/v1/enroll', { method: 'POST', body });
  expect([status, json().type]).toEqual([403, 'urn:cluster-ca:problem:token-not-accepted']);
});

test('what is not there is told to those who are known alone', async () => {
  for (const [who, status] of [
    ['operator', 404],
    ['n1', 404],
    ['client', 403],
    ['revoked', 403],
    ['nobody', 403],
  ] as const)
    expect([who, (await daemon.call(as(who), '/v1/nothing')).status]).toEqual([who, status]);
});

test('a certificate that a newer one has superseded is still known: it is valid and not revoked', async () => {
  const before = as('auditor');
  await daemon.ca.run('issue', '--client', 'ben', '--role', 'auditor', '--force-new', '--out', daemon.ca.out);
  expect((await daemon.call(before, '/v1/cluster/alerts')).status).toBe(200);
});

test('a client without a role that was issued before does not get one by its name', async () => {
  const client = await daemon.person('operator');
  expect((await daemon.call(client, '/v1/cluster/alerts')).status).toBe(403);
});
