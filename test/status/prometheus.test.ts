import { describe, expect, test } from '@jest/globals';
import { done, expectExit, fails } from '../cli/checks.ts';
import { clock } from '../cli/clock.ts';
import { run } from '../support/cli.ts';
import { newCluster } from '../support/clusters.ts';
import { describeWith, executable } from '../support/debian.ts';

const cluster = await newCluster({ init: ['--plane', 'control', '--plane', 'data', '--plane', 'gossip'] });
const { ca } = cluster;
await done(ca, ['issue', 'n1', 'n2']);
await done(ca, ['issue', '--client', 'app_rw']);
await done(ca, ['issue', 'gone', '--plane', 'data']);
await done(ca, ['revoke', 'gone', '--yes']);

const scrape = async (args: string[] = [], offset = '0s', code = 0): Promise<string> => {
  const result = await ca(['status', '--format', 'prometheus', ...args], { env: clock(offset) });
  expectExit(result, code);
  return result.stdout;
};
const sample = (text: string, start: string): number => {
  const line = text.split('\n').find((found) => found.startsWith(start));
  if (line === undefined) throw new Error(`no ${start} in ${text}`);
  return Number(line.split(' ').at(-1));
};

describe('the samples', () => {
  test("a node's certificate, by Redis Enterprise's name and labels", async () => {
    const text = await scrape();
    for (const [plane, name] of [
      ['control', 'ccs_internode_encryption'],
      ['data', 'data_internode_encryption'],
      ['gossip', 'gossip_internode_encryption'],
    ]) {
      const labels = `{cluster="orders",logical_name="${name}",node="n1",path="n1/${plane}/cert.pem"}`;
      const left = sample(text, `node_cert_expires_in_seconds${labels}`);
      expect(left).toBeGreaterThan(89 * 86400);
      expect(left).toBeLessThanOrEqual(90 * 86400);
    }
  });

  test('clients, CAs, CRLs, counts, attention', async () => {
    const text = await scrape();
    expect(sample(text, 'client_cert_expires_in_seconds{cluster="orders",client="app_rw"')).toBeGreaterThan(0);
    expect(
      sample(text, 'cluster_ca_authority_expires_in_seconds{cluster="orders",authority="root-g1"'),
    ).toBeGreaterThan(9 * 365 * 86400);
    expect(
      sample(text, 'cluster_ca_crl_expires_in_seconds{cluster="orders",authority="issuing-g1.1"}'),
    ).toBeGreaterThan(0);
    expect(sample(text, 'cluster_ca_certificates{cluster="orders",status="valid"}')).toBe(7);
    expect(sample(text, 'cluster_ca_certificates{cluster="orders",status="revoked"}')).toBe(1);
    expect(sample(text, 'cluster_ca_attention{cluster="orders"}')).toBe(0);
  });

  test('what is revoked is watched no more, what has expired is: below zero', async () => {
    const text = await scrape([], '92d', 4);
    expect(text).not.toContain('node="gone"');
    expect(sample(text, 'node_cert_expires_in_seconds{cluster="orders",logical_name="data_')).toBeLessThan(0);
    expect(sample(text, 'cluster_ca_attention')).toBe(1);
    expect(sample(text, 'cluster_ca_alerts{cluster="orders",name="node_internal_certs_about_to_expire_late"')).toBe(6);
  });

  test('of one NODE', async () => {
    const text = await scrape(['n2']);
    expect([text.includes('node="n1"'), text.includes('node="n2"')]).toEqual([false, true]);
  });

  test('with --json: 2', async () => {
    await fails(ca, ['status', '--format', 'prometheus'], 2);
  });
});

(await describeWith('promtool'))('promtool', () => {
  test.each([
    ['all well', '0s', 0],
    ['all expired', '92d', 4],
  ])('takes it for valid: %s', async (_, offset, code) => {
    const input = await scrape([], offset, code);
    const result = await run(executable('promtool') as string, ['check', 'metrics'], { input });
    expect([result.code, result.stdout + result.stderr]).toEqual([0, '']);
  });
});
