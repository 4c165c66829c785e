import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type CertificateRow, type IssuedCertificate, statusOf } from '../../src/keystore/certificates/row.ts';
import type { Keystore } from '../../src/keystore/keystore.ts';
import type { Bodies } from '../../src/keystore/log/bodies.ts';
import { type Issued, SmallLog, START, serialOf, takeSnapshot } from './support/small-log.ts';

// The index (overlay over snapshot pages) against a naive model, under random histories with snapshots at random moments.

const DAY = 86_400_000;
const HOLDERS = [
  ['node', 'n1', 'data'],
  ['node', 'n1', 'control'],
  ['node', 'n2', 'data'],
  ['node', 'n10', 'data'],
  ['client', 'n1', ''],
  ['client', 'N1', ''],
  ['probe', 'p', ''],
] as const;

type Step =
  | { do: 'issue'; holders: number[]; days: number }
  | { do: 'revoke'; picks: number[]; foreign: boolean; reason: 'keyCompromise' | 'unspecified' }
  | { do: 'abandon'; pick: number }
  | { do: 'snapshot' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('issue' as const),
      holders: fc.array(fc.nat(HOLDERS.length - 1), { minLength: 1, maxLength: 4 }),
      days: fc.integer({ min: 1, max: 100 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('revoke' as const),
      picks: fc.array(fc.nat(50), { minLength: 1, maxLength: 3 }),
      foreign: fc.boolean(),
      reason: fc.constantFrom('keyCompromise' as const, 'unspecified' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('abandon' as const), pick: fc.nat(50) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('snapshot' as const) }) },
);

/** What the log says, kept as plainly as can be. */
class Model {
  readonly rows: CertificateRow[] = [];
  readonly revoked = new Map<string, { authority: string; serial: string; at: number; reason: string }>();
  readonly requests = new Map<string, number[]>();

  add(issued: Issued[], seq: number): void {
    for (const [position, one] of issued.entries())
      this.rows.push({ ...one, seq, position, abandoned: false } as CertificateRow);
  }

  /** What the index should answer for a name, oldest first. */
  ofName(kind: string, name: string): Partial<IssuedCertificate>[] {
    return this.rows
      .filter((row) => row.kind === kind && row.name === name)
      .map((row) => {
        const later = this.rows.filter(
          (other) => other.plane === row.plane && sameName(other, row) && !other.abandoned,
        );
        const revoked = this.revoked.get(`issuing-g1.1/${row.serial}`);
        return {
          serial: row.serial,
          plane: row.plane,
          seq: row.seq,
          position: row.position,
          abandoned: row.abandoned,
          superseded: later.at(-1) !== row,
          ...(revoked === undefined ? {} : { revoked: { at: revoked.at, reason: revoked.reason } as never }),
        };
      });
  }
}

const sameName = (a: CertificateRow, b: CertificateRow): boolean => a.kind === b.kind && a.name === b.name;

class History {
  readonly log = new SmallLog();
  readonly model = new Model();
  #issued = 0;

  async run(steps: Step[]): Promise<Keystore> {
    const keystore = await this.log.open();
    for (const one of steps) {
      await this.#do(one, keystore);
      await keystore.refresh();
    }
    return keystore;
  }

  async #do(one: Step, keystore: Keystore): Promise<void> {
    const { log, model } = this;
    if (one.do === 'snapshot') return takeSnapshot(keystore);
    if (one.do === 'issue') {
      const notBefore = Math.floor(START / 1000) * 1000;
      const issued = one.holders.map((holder) => {
        const [kind, name, plane] = HOLDERS[holder] as (typeof HOLDERS)[number];
        return { kind, name, plane, serial: serialOf(this.#issued++), notBefore, notAfter: notBefore + one.days * DAY };
      });
      await log.issue(issued);
      model.add(issued, log.seq);
      model.requests.set(`request-${log.seq - 1}`, [log.seq - 1, log.seq]);
    } else if (one.do === 'abandon') {
      const row = model.rows[one.pick];
      await log.append('abandon', { serials: [row?.serial ?? serialOf(1000 + one.pick)] });
      if (row !== undefined) row.abandoned = true;
    } else {
      const authority = one.foreign ? 'root-g1' : 'issuing-g1.1';
      const entries: Bodies['revoke']['entries'] = one.picks.map((pick) => ({
        authority,
        serial: model.rows[pick]?.serial ?? serialOf(1000 + pick),
        reason: one.reason,
      }));
      await log.revoke(entries);
      for (const { serial, reason } of entries) {
        const key = `${authority}/${serial}`;
        if (!model.revoked.has(key)) model.revoked.set(key, { authority, serial, at: log.time, reason });
      }
    }
  }
}

/** Every question that can be asked, answered by the index. */
async function answers(keystore: Keystore, now: Date): Promise<unknown> {
  const all: IssuedCertificate[] = [];
  await keystore.query(async (index) => {
    all.length = 0;
    for await (const group of index.all()) all.push(...group);
  });
  const names = [];
  for (const [kind, name, plane] of HOLDERS)
    names.push(
      await keystore.query((index) => index.ofName(kind, name)),
      await keystore.query((index) => index.current(kind, name, plane)),
    );
  const bySerial = [];
  for (const { serial } of all) bySerial.push(await keystore.query((index) => index.bySerial(serial)));
  const revocations = [];
  for (const authority of ['issuing-g1.1', 'root-g1'])
    revocations.push((await keystore.query((index) => index.revocations(authority))).sort(bySerialNumber));
  return { all, names, bySerial, revocations, counts: await keystore.query((index) => index.counts(now)) };
}

const bySerialNumber = (a: { serial: string }, b: { serial: string }): number => (a.serial < b.serial ? -1 : 1);

async function compareWithModel(keystore: Keystore, model: Model, now: Date): Promise<void> {
  for (const [kind, name] of HOLDERS) {
    const found = await keystore.query((index) => index.ofName(kind, name));
    const expected = model.ofName(kind, name);
    expect(found).toHaveLength(expected.length);
    expect(found).toMatchObject(expected);
    for (const [i, row] of found.entries()) expect('revoked' in row).toBe('revoked' in (expected[i] as object));
  }
  for (const authority of ['issuing-g1.1', 'root-g1']) {
    const found = await keystore.query((index) => index.revocations(authority));
    const expected = [...model.revoked.values()].filter((entry) => entry.authority === authority);
    expect(found.sort(bySerialNumber)).toEqual(expected.sort(bySerialNumber));
  }
  const counts = { valid: 0, due: 0, expired: 0, revoked: 0, superseded: 0 };
  for (const [kind, name] of new Map(HOLDERS.map(([k, n]) => [`${k}/${n}`, [k, n] as const])).values())
    for (const row of await keystore.query((index) => index.ofName(kind, name))) {
      if (row.kind === 'probe') continue;
      const status = statusOf(row, now);
      counts[status]++;
      if (status === 'valid' && row.dueAt <= now.getTime()) counts.due++;
    }
  expect(await keystore.query((index) => index.counts(now))).toEqual(counts);
  for (const [id, seqs] of model.requests)
    expect((await keystore.query((index) => index.requests(id))).map(({ seq }) => seq)).toEqual(seqs);
}

const NOW = new Date(START + 45 * DAY);

test('the index answers as the model does, and the same with and without a snapshot', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      const history = new History();
      const keystore = await history.run(steps);
      await compareWithModel(keystore, history.model, NOW);
      const written = await answers(keystore, NOW);
      expect(await answers(await history.log.open(), NOW)).toEqual(written);
      await keystore.reloadWithoutSnapshot();
      expect(await answers(keystore, NOW)).toEqual(written);
    }),
    { numRuns: 60 },
  );
});

test('a page that is missing, changed or cut off: the log answers, and the same', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 3, maxLength: 15 }),
      fc.nat(),
      fc.constantFrom('missing', 'changed', 'cut off'),
      async (steps, pick, damage) => {
        const history = new History();
        const keystore = await history.run([...steps, { do: 'snapshot' }, { do: 'issue', holders: [0], days: 9 }]);
        const expected = await answers(keystore, NOW);
        const { files } = history.log.store;
        const pages = [...files.keys()].filter((path) => path.startsWith('snapshot/')).sort();
        const path = pages[pick % pages.length] as string;
        const bytes = files.get(path) as Uint8Array;
        if (damage === 'missing') files.delete(path);
        else if (damage === 'cut off') files.set(path, bytes.subarray(0, bytes.length - 1));
        else
          files.set(
            path,
            bytes.map((octet, i) => (i === pick % bytes.length ? octet ^ 1 : octet)),
          );
        expect(await answers(await history.log.open(), NOW)).toEqual(expected);
      },
    ),
    { numRuns: 40 },
  );
});

test('many pages: 6,000 certificates merged in parts are found, counted and listed as without a snapshot', async () => {
  const log = new SmallLog();
  const keystore = await log.open();
  const notBefore = Math.floor(START / 1000) * 1000;
  for (let part = 0; part < 6; part++) {
    const issued = Array.from({ length: 1000 }, (_, i): Issued => {
      // In each part over the whole range of names, so that every page is split and rewritten.
      const n = i * 6 + part;
      const name = `n-${String((n * 7919) % 6000).padStart(4, '0')}`;
      return {
        kind: 'node',
        name,
        plane: 'data',
        serial: serialOf(n),
        notBefore,
        notAfter: notBefore + (n % 97) * DAY,
      };
    });
    await log.issue(issued);
    await log.revoke([{ authority: 'issuing-g1.1', serial: serialOf(part), reason: 'superseded' }]);
    await keystore.refresh();
    await takeSnapshot(keystore);
  }
  const { pages } = JSON.parse(
    Buffer.from(log.store.files.get('snapshot/head') as Uint8Array)
      .toString()
      .split('\n')[0] as string,
  );
  expect(pages.certificates.length).toBeGreaterThan(4);
  const reopened = await log.open();
  expect(reopened.tail).toEqual({ records: 0, certificates: 0 });
  const withSnapshot = [];
  for await (const group of reopened.certificates.all()) withSnapshot.push(...group);
  expect(await reopened.query((index) => index.bySerial(serialOf(4321)))).toMatchObject({ serial: serialOf(4321) });
  const counts = await reopened.query((index) => index.counts(NOW));
  await reopened.reloadWithoutSnapshot();
  const without = [];
  for await (const group of reopened.certificates.all()) without.push(...group);
  expect(withSnapshot).toHaveLength(6000);
  expect(withSnapshot).toEqual(without);
  expect(counts).toEqual(await reopened.query((index) => index.counts(NOW)));
});

test('one name over several pages, with neighbours on both sides', async () => {
  const log = new SmallLog();
  const keystore = await log.open();
  const notBefore = Math.floor(START / 1000) * 1000;
  const one = (name: string, n: number): Issued => ({
    kind: 'node',
    name,
    plane: n % 2 === 0 ? 'data' : 'control',
    serial: serialOf(n),
    notBefore,
    notAfter: notBefore + DAY,
  });
  for (let part = 0; part < 3; part++) {
    const many = Array.from({ length: 1000 }, (_, i) => one('m', part * 1000 + i));
    await log.issue([one('l', 10_000 + part), ...many, one('m0', 20_000 + part), one('ma', 30_000 + part)]);
    await keystore.refresh();
    await takeSnapshot(keystore);
  }
  const reopened = await log.open();
  const rows = await reopened.query((index) => index.ofName('node', 'm'));
  expect(rows.map(({ serial }) => serial)).toEqual(Array.from({ length: 3000 }, (_, n) => serialOf(n)));
  expect(rows.filter(({ superseded }) => !superseded)).toHaveLength(2);
  expect(await reopened.query((index) => index.current('node', 'm', 'data'))).toMatchObject({ serial: serialOf(2998) });
  for (const name of ['l', 'm0', 'ma'])
    expect(await reopened.query((index) => index.ofName('node', name))).toHaveLength(3);
  expect(await reopened.query((index) => index.ofName('node', 'ab'))).toEqual([]);
});
