import { cp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { done, expectExit, fails } from '../cli/checks.ts';
import { CLUSTER_CA, run } from '../support/cli.ts';
import { newCluster } from '../support/clusters.ts';

const cluster = await newCluster();
const { ca, keystore, directory } = cluster;
await done(ca, ['issue', 'n1', 'n2']);
await done(ca, ['revoke', 'n1', '--yes', '--reason', 'superseded']);
await done(ca, ['crl', '--renew']);

test('NDJSON: records with their hashes, each naming the one before; certificates with what was issued', async () => {
  const { stdout } = await ca(['audit', 'export']);
  const records = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  for (const [i, record] of records.entries()) if (i > 0) expect(record.prev).toBe(records[i - 1].hash);
  const issued = records.filter(({ op }) => op === 'issue').flatMap(({ certificates }) => certificates);
  expect(issued).toHaveLength(4);
  expect(issued[0]).toMatchObject({ kind: 'node', name: 'n1', fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) });
});

test('CSV: a row for each certificate issued and revoked', async () => {
  const { stdout } = await ca(['audit', 'export', '--format', 'csv']);
  const rows = stdout.trimEnd().split('\r\n').slice(1);
  const op = (name: string): string[] => rows.filter((row) => row.split(',')[3] === name);
  expect([op('issue').length, op('revoke').length, op('crl').length]).toEqual([4, 2, 1]);
  expect(op('revoke')[0]).toMatch(/,\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ,superseded,[0-9a-f]{64}$/);
});

test('--out: the same octets, whole or not at all', async () => {
  for (const format of ['ndjson', 'csv']) {
    const path = join(directory, `log.${format}`);
    expect(await done(ca, ['audit', 'export', '--format', format, '--out', path])).toMatchObject({ files: [path] });
    expect(await readFile(path, 'utf8')).toBe((await ca(['audit', 'export', '--format', format])).stdout);
  }
});

test('a damaged log: 13, and nothing is written', async () => {
  const copy = join(directory, 'copy');
  await cp(keystore, copy, { recursive: true });
  const record = join(copy, 'log/0/2');
  await writeFile(record, (await readFile(record, 'utf8')).replace('"issue"', '"issuf"'));
  await rm(join(copy, 'snapshot'), { recursive: true });
  const path = join(directory, 'damaged');
  await fails(ca, ['audit', 'export', '--keystore', copy], 13);
  await fails(ca, ['audit', 'export', '--keystore', copy, '--out', path], 13);
  await expect(stat(path)).rejects.toThrow();
});

test('a closed pipe ends quietly', async () => {
  const script = `"$0" "$1" audit export | head -n 1; echo "\${PIPESTATUS[0]}" >&2`;
  const result = await run('bash', ['-c', script, process.execPath, CLUSTER_CA], { env: cluster.env });
  expectExit(result, 0);
  expect(JSON.parse(result.stdout)).toMatchObject({ seq: 0, op: 'init' });
  expect(result.stderr).toBe('0\n');
});
