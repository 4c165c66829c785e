import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { finish, step } from '../rollover/driver.ts';
import { served } from '../support/tls.ts';
import { Daemon, materialOf } from './daemon.ts';

// The daemon through a rollover that is begun, and moved, at the command line.

const daemon = await Daemon.make('rollover');
const { ca } = daemon;
const CERTIFICATES = '/v1/cluster/certificates';
const cluster = { keystore: ca.env.CLUSTER_CA_KEYSTORE as string, keyFile: join(dirname(ca.out), 'key-file') };

/** Asks until the answer is as wanted; the daemon looks at the log every second. */
async function until(what: () => Promise<boolean>): Promise<void> {
  for (;;) {
    if (await what().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test('it follows: who is let in, whose certificate it shows, what it hands out', async () => {
  const old = await daemon.person('ann', '--role', 'operator');
  await daemon.start();
  const before = await served(daemon.port, old);
  await ca.run('rollover', 'start', '--yes');
  await step(cluster, 'prepared', 'distribute');
  const bundle = async (): Promise<number> => (await daemon.plain('/trust-bundle')).text.split('BEGIN').length - 1;
  expect(await bundle()).toBe(2);
  expect((await daemon.call(old, CERTIFICATES)).status).toBe(200);

  await step(cluster, 'distribute', 'issue-new');
  const fresh = await daemon.person('bea', '--role', 'operator');
  expect((await daemon.call(fresh, CERTIFICATES)).status).toBe(200);
  expect((await daemon.call({ ...old, ca: fresh.ca }, CERTIFICATES)).status).toBe(200);
  // Its own certificate is of the new CA now, without a restart.
  await until(async () => (await served(daemon.port, fresh)) !== before);
  await daemon.event('own-certificate');

  await step(cluster, 'issue-new', 'retire');
  expect(await bundle()).toBe(1);
  const only = await materialOf(ca.client('bea'));
  expect((await daemon.call({ ...only, ca: fresh.ca }, CERTIFICATES)).status).toBe(200);
  // Who shows a certificate of the old CA is refused, in TLS or behind it.
  await until(async () => {
    const answer = await daemon.call({ ...old, ca: fresh.ca }, CERTIFICATES).catch(() => ({ status: 403 }));
    return answer.status >= 400;
  });
  await finish(cluster);
  expect((await daemon.call(fresh, CERTIFICATES)).status).toBe(200);
});

test('without an inventory it moves none where a node has no agent, and leaves nobody out', async () => {
  const caller = await daemon.person('cat', '--role', 'operator');
  await daemon.node('n1');
  await ca.run('rollover', 'start', '--emergency', '--deadline', '1s', '--confirm', 'rollover');
  const advance = () => daemon.call(caller, '/v1/rollover/advance', { method: 'POST', body: {} });
  const refused = await advance();
  expect([refused.status, refused.json()]).toMatchObject([
    409,
    {
      type: 'urn:cluster-ca:problem:needs-inventory',
      code: 'ERR_STATE',
      hint: expect.stringContaining('--inventory cluster.yaml'),
      nodes: ['n1'],
    },
  ]);
  await ca.run('revoke', 'n1', '--yes');
  expect((await advance()).json().rollover.phase).toBe('distribute');
  const { since } = (await daemon.call(caller, '/v1/rollover')).json();
  while (Date.now() < Date.parse(since) + 2000) await new Promise((resolve) => setTimeout(resolve, 50));
  // Its time is over; but who has no service that is known has not missed it.
  expect((await advance()).json()).toMatchObject({
    type: 'urn:cluster-ca:problem:rollover-blocked',
    blocking: expect.arrayContaining(['cat']),
  });
  expect((await daemon.call(caller, '/v1/rollover')).json()).toMatchObject({ phase: 'distribute', excluded: [] });
  expect(await daemon.stop()).toBe(0);
});
