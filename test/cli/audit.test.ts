import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, expectExit, expectSafe, fails, verdict, words } from './checks.ts';
import type { AuditDocument } from './documents.ts';
import { files, tree } from './tree.ts';

const cluster = await newCluster();
const other = await newCluster({ name: 'other' });
const rolled = await newCluster({ name: 'rolled' });
const { ca, keystore } = cluster;

const early = await done<AuditDocument>(ca, ['audit', 'verify']);
await done(ca, ['issue', 'n1']);
await done(ca, ['revoke', 'n1', '--yes']);
const verify = (...args: string[]) => done<AuditDocument>(ca, ['audit', 'verify', ...args]);
const refuse = (...args: string[]) => verdict<AuditDocument>(ca, ['audit', 'verify', ...args], 13);

describe('audit verify', () => {
  test('records, times, head', async () => {
    const audit = await verify();
    expect(audit).toMatchObject({
      valid: true,
      records: expect.any(Number),
      first: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      last: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      head: expect.stringMatching(/^\d+:[0-9a-f]{64}$/),
      rollbackChecked: true,
    });
    expect(audit.records).toBeGreaterThan(early.records);
    expect(Number(audit.head.split(':')[0])).toBe(audit.records - 1);
  });

  test('in text, with the head', async () => {
    const result = await ca(['audit', 'verify']);
    expectExit(result, 0);
    expect(result.stdout).toContain((await verify()).head);
  });

  test('needs no secret and changes nothing', async () => {
    const before = await tree(cluster.directory);
    await done(ca, ['audit', 'verify'], { env: { CLUSTER_CA_KEY_FILE: '/nonexistent/key' } });
    expect(await tree(cluster.directory)).toEqual(before);
  });

  test('--audit-key: the printed one, and no other', async () => {
    expect((await verify('--audit-key', cluster.made.auditKey)).valid).toBe(true);
    const { error, valid } = await refuse('--audit-key', other.made.auditKey);
    expect([error.code, valid]).toEqual(['ERR_KEYSTORE_TAMPERED', false]);
  });

  test('--trust: what every node already holds', async () => {
    expect((await verify('--trust', join(cluster.out, 'n1/data/ca.pem'))).valid).toBe(true);
    expect((await refuse('--trust', join(other.keystore, 'public/trust-bundle.pem'))).valid).toBe(false);
  });

  test('--expect-head: the head, and one that it grew from', async () => {
    expect((await verify('--expect-head', (await verify()).head)).valid).toBe(true);
    expect((await verify('--expect-head', early.head)).valid).toBe(true);
  });

  test('--expect-head: another hash, or a head that is yet to come', async () => {
    const { head } = await verify();
    const [seq, hash = ''] = head.split(':');
    const flipped = (hash.startsWith('0') ? '1' : '0') + hash.slice(1);
    expect((await refuse('--expect-head', `${seq}:${flipped}`)).valid).toBe(false);
    expect((await refuse('--expect-head', `${Number(seq) + 5}:${hash}`)).valid).toBe(false);
  });

  test.each([
    ['a head that is none', ['--expect-head', 'latest']],
    ['a fingerprint that is none', ['--audit-key', 'xyz']],
    ['a trust file that is absent', ['--trust', '/nonexistent.pem']],
    ['a word', ['now']],
  ])('%s: 2', async (_, args) => {
    await fails(ca, ['audit', 'verify', ...args], 2);
  });

  test('audit without a verb, or with another: 2', async () => {
    await fails(ca, ['audit'], 2);
    await fails(ca, ['audit', 'forget'], 2);
  });
});

describe('a log that was changed: 13, a verdict', () => {
  const names = async (): Promise<string[]> => (await files(join(keystore, 'log'))).sort((a, b) => a.localeCompare(b));

  /** A copy of the keystore in which one file is changed. */
  async function changed(change: (copy: string) => Promise<void>) {
    const copy = join(cluster.directory, `copy-${Math.random().toString(36).slice(2)}`);
    await cp(keystore, copy, { recursive: true });
    await change(copy);
    return verdict<AuditDocument>(ca, ['audit', 'verify', '--keystore', copy], 13);
  }

  test('a flipped bit in the middle', async () => {
    const [, name = ''] = await names();
    const { valid, error } = await changed(async (copy) => {
      const bytes = await readFile(join(copy, 'log', name));
      bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
      await writeFile(join(copy, 'log', name), bytes);
    });
    expect(valid).toBe(false);
    expect(words(error)).toContain(name.split('/').at(-1));
  });

  test('a line feed more at the end of a record', async () => {
    const [, name = ''] = await names();
    const { valid } = await changed(async (copy) => {
      const path = join(copy, 'log', name);
      await writeFile(path, `${await readFile(path, 'latin1')}\n`, 'latin1');
    });
    expect(valid).toBe(false);
  });

  test('a record missing in the middle', async () => {
    const [, name = ''] = await names();
    expect((await changed((copy) => rm(join(copy, 'log', name)))).valid).toBe(false);
  });

  test.each([
    ['an earlier record with another hash', `1:${'0'.repeat(64)}`],
    ['a record that is yet to come', `99:${'0'.repeat(64)}`],
  ])('public/head names %s: rolled back', async (_, head) => {
    const { error, valid } = await changed((copy) => writeFile(join(copy, 'public/head'), `${head}\n`));
    expect([error.code, valid]).toEqual(['ERR_KEYSTORE_ROLLED_BACK', false]);
    expect(error.message).toContain('public/head');
  });

  test('the last record missing: rolled back', async () => {
    const name = (await names()).at(-1) ?? '';
    const { error } = await changed((copy) => rm(join(copy, 'log', name)));
    expect(error.code).toBe('ERR_KEYSTORE_ROLLED_BACK');
  });
});

describe('an older copy of the whole keystore: ERR_KEYSTORE_ROLLED_BACK', () => {
  test('for whoever reads or writes, audit verify and keystore check; wanted, it is accepted by name', async () => {
    const { ca: run, keystore: place } = rolled;
    await done(run, ['issue', 'n1', '--plane', 'data']);
    await cp(place, `${place}-old`, { recursive: true });
    await done(run, ['issue', 'n2', '--plane', 'data']);
    await rm(place, { recursive: true });
    await cp(`${place}-old`, place, { recursive: true });
    await fails(run, ['issue', 'n3', '--plane', 'data'], 'ERR_KEYSTORE_ROLLED_BACK');
    await verdict(run, ['audit', 'verify'], 'ERR_KEYSTORE_ROLLED_BACK');
    await verdict(run, ['keystore', 'check'], 'ERR_KEYSTORE_ROLLED_BACK');
    await fails(run, ['list'], 'ERR_KEYSTORE_ROLLED_BACK');
    // Severe: the cluster's name, not --yes.
    await fails(run, ['keystore', 'check', '--accept-rollback', '--yes'], 'ERR_INPUT_REQUIRED');
    // A name that is not the cluster's is wrong usage, or no.
    expect([2, 130]).toContain((await run(['keystore', 'check', '--accept-rollback', '--confirm', 'orders'])).code);
    await done(run, ['keystore', 'check', '--accept-rollback', '--confirm', 'rolled']);
    await done(run, ['issue', 'n3', '--plane', 'data']);
    await done(run, ['audit', 'verify']);
  });

  test('without an anchor it cannot be told, and the output says so', async () => {
    const env = { XDG_STATE_HOME: await cluster.dir('no-state') };
    const audit = await done<AuditDocument>(ca, ['audit', 'verify'], { env });
    expect(audit).toMatchObject({ valid: true, rollbackChecked: false });
    const text = await ca(['audit', 'verify'], { env });
    expect(text.stdout + text.stderr).toMatch(/roll/i);
  });
});

describe('audit export', () => {
  test('NDJSON: one record a line, the whole log', async () => {
    const result = await ca(['audit', 'export']);
    expectExit(result, 0);
    expectSafe(result.stdout);
    const records = result.stdout.trimEnd().split('\n');
    expect(records).toHaveLength((await verify()).records);
    for (const [seq, line] of records.entries()) expect(JSON.parse(line)).toMatchObject({ seq });
  });

  test('--json is the same', async () => {
    expect((await ca(['audit', 'export', '--json'])).stdout).toBe((await ca(['audit', 'export'])).stdout);
  });

  test('CSV: a heading, and at least a row for each record', async () => {
    const result = await ca(['audit', 'export', '--format', 'csv']);
    expectExit(result, 0);
    expectSafe(result.stdout.replaceAll('\r\n', '\n'));
    const [heading, ...rows] = result.stdout.trimEnd().split(/\r?\n/);
    expect(heading).toMatch(/^seq,/);
    const found = new Set(rows.map((row) => Number(row.split(',')[0])));
    expect([...found]).toEqual(Array.from({ length: (await verify()).records }, (_, seq) => seq));
    for (const row of rows) expect(row.split(',').length).toBe(heading?.split(',').length);
  });

  test('another format: 2', async () => {
    await fails(ca, ['audit', 'export', '--format', 'xml'], 2);
  });
});
