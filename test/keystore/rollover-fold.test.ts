import { describe, expect, test } from '@jest/globals';
import {
  anchorsOf,
  crlAuthorities,
  desiredOf,
  inProgress,
  issuerOf,
  ownRoot,
  phaseOf,
  signingIssuer,
} from '../../src/keystore/hierarchy.ts';
import type { Authority, Bodies, CrlRef } from '../../src/keystore/log/bodies.ts';
import type { Proof } from '../../src/keystore/log/rollover.ts';
import { toBase64 } from '../../src/pki/encoding.ts';
import { PHASES, type Phase, successors } from '../../src/rollover/phase.ts';
import { SmallLog, START, serialOf, takeSnapshot } from './support/small-log.ts';

const first = (await new SmallLog().open()).state;
const [ROOT, ISSUING] = first.authorities as [Authority, Authority];

const authority = (id: string): Authority => {
  const of = id.startsWith('root') ? ROOT : ISSUING;
  return { ...of, id, generation: Number(/-g(\d+)/.exec(id)?.[1]) };
};
const crl = (id: string, number = '9'): CrlRef => ({
  authority: id,
  number,
  sha256: '22'.repeat(32),
  thisUpdate: '2026-01-02T03:04:05.000Z',
  nextUpdate: '2026-02-02T03:04:05.000Z',
});
const hierarchy = (n: number): NonNullable<Bodies['rollover']['start']> => ({
  form: 'root',
  authorities: [authority(`root-g${n}`), authority(`issuing-g${n}.1`)],
  newWithOld: ROOT.certificate,
});
const crls = (n: number): CrlRef[] => [crl(`root-g${n}`), crl(`issuing-g${n}.1`)];
const START_2: Bodies['rollover'] = { from: 'stable', to: 'prepared', start: hierarchy(2), crls: crls(2) };
const FOREIGN: Bodies['rollover'] = {
  from: 'stable',
  to: 'prepared',
  start: { form: 'foreign', authorities: [], foreign: { certificate: ISSUING.certificate } },
};

/** Goes from phase to phase; what is destroyed at the end as for the first rollover. */
async function walk(log: SmallLog, ...path: Phase[]): Promise<void> {
  for (const [i, to] of path.slice(1).entries()) {
    const from = path[i] as Phase;
    if (from === 'rollback') await log.append('withdraw', {});
    const gone = to === 'done' ? 1 : to === 'stable' ? 2 : undefined;
    const destroyed = gone === undefined ? {} : { destroyed: [`root-g${gone}`, `issuing-g${gone}.1`] };
    await log.append('rollover', { from, to, ...destroyed });
  }
}

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

const started = async (log: SmallLog): Promise<void> => log.append('rollover', START_2);

describe('phases', () => {
  test('a whole rollover: who signs, what is trusted, whose key is left', async () => {
    const seen: string[] = [];
    const log = new SmallLog();
    await started(log);
    const look = async (): Promise<void> => {
      const { state } = await log.open();
      seen.push(`${phaseOf(state)}: ${desiredOf(state).trust.join('+')} ${signingIssuer(state)?.id}`);
    };
    await look();
    for (const [from, to] of [
      ['prepared', 'distribute'],
      ['distribute', 'issue-new'],
      ['issue-new', 'retire'],
      ['retire', 'issue-new'],
      ['issue-new', 'retire'],
      ['retire', 'done'],
    ] as [Phase, Phase][]) {
      await walk(log, from, to);
      await look();
    }
    expect(seen).toEqual([
      'prepared: old issuing-g1.1',
      'distribute: old+new issuing-g1.1',
      'issue-new: old+new issuing-g2.1',
      'retire: new issuing-g2.1',
      'issue-new: old+new issuing-g2.1',
      'retire: new issuing-g2.1',
      'done: new issuing-g2.1',
    ]);
    const { state } = await log.open();
    expect(state.destroyed).toEqual(['root-g1', 'issuing-g1.1']);
    expect(anchorsOf(state).map((der) => toBase64(der))).toEqual([authority('root-g2').certificate]);
    expect(state.rollover).toMatchObject({ form: 'root', old: 'root-g1', new: 'root-g2', startedAt: START + 1000 });
    // Its CRLs outlive it, until their end.
    const ids = (now: string): string[] => crlAuthorities(state, new Date(now)).map(({ id }) => id);
    expect(ids('2026-01-20T00:00:00Z')).toEqual(['root-g1', 'issuing-g1.1', 'root-g2', 'issuing-g2.1']);
    expect(ids('2026-03-01T00:00:00Z')).toEqual(['root-g1', 'root-g2', 'issuing-g2.1']);
  });

  test('what is done is stable for the next start, with the generation after all that were', async () => {
    const state = await opened(async (log) => {
      await started(log);
      await walk(log, 'prepared', 'stable');
      await log.append('rollover', { ...START_2, start: hierarchy(3), crls: crls(3) });
      await walk(log, 'prepared', 'distribute', 'issue-new', 'retire');
      await log.append('rollover', { from: 'retire', to: 'done', destroyed: ['root-g1', 'issuing-g1.1'] });
      await log.append('rollover', { from: 'done', to: 'prepared', start: hierarchy(4), crls: crls(4) });
    });
    expect(state.rollover).toMatchObject({ old: 'root-g3', new: 'root-g4', phase: 'prepared' });
    expect(state.destroyed).toEqual(['root-g2', 'issuing-g2.1', 'root-g1', 'issuing-g1.1']);
    expect(signingIssuer(state)?.id).toBe('issuing-g3.1');
  });

  test('a rollback ends with the new root gone, its CRLs too', async () => {
    const state = await opened(async (log) => {
      await started(log);
      await walk(log, 'prepared', 'distribute', 'issue-new', 'rollback', 'stable');
    });
    expect(phaseOf(state)).toBe('stable');
    expect(state.rollover).toBeUndefined();
    expect(state.destroyed).toEqual(['root-g2', 'issuing-g2.1']);
    expect(state.crls.map((ref) => ref.authority)).toEqual(first.crls.map((ref) => ref.authority));
    expect(signingIssuer(state)?.id).toBe('issuing-g1.1');
  });

  test('no step is skipped, none is taken twice', async () => {
    for (const from of PHASES)
      for (const to of PHASES) {
        if (successors(from).includes(to) || from === 'stable') continue;
        const path: Record<string, Phase[]> = {
          prepared: ['prepared'],
          distribute: ['prepared', 'distribute'],
          'issue-new': ['prepared', 'distribute', 'issue-new'],
          retire: ['prepared', 'distribute', 'issue-new', 'retire'],
          rollback: ['prepared', 'distribute', 'rollback'],
          done: ['prepared', 'distribute', 'issue-new', 'retire', 'done'],
        };
        await refused(`from ${from} to ${to}`, async (log) => {
          await started(log);
          await walk(log, ...(path[from] as Phase[]));
          await log.append('rollover', { from, to });
        });
      }
    await refused('which it is not in', async (log) => {
      await started(log);
      await log.append('rollover', { from: 'distribute', to: 'issue-new' });
    });
  });

  test.each<[string, string, (log: SmallLog) => Promise<void>]>([
    ['a start without a hierarchy', 'no start', (log) => log.append('rollover', { from: 'stable', to: 'prepared' })],
    [
      'a hierarchy of another generation',
      'does not bring root-g2',
      (log) => log.append('rollover', { ...START_2, start: hierarchy(3), crls: crls(3) }),
    ],
    ['one without CRLs', 'without a CRL', (log) => log.append('rollover', { ...START_2, crls: [crl('root-g2')] })],
    [
      'a last step that destroys nothing',
      'other keys',
      async (log) => {
        await started(log);
        await walk(log, 'prepared', 'distribute', 'issue-new', 'retire');
        await log.append('rollover', { from: 'retire', to: 'done' });
      },
    ],
    [
      'a last step that destroys the new root',
      'other keys',
      async (log) => {
        await started(log);
        await walk(log, 'prepared', 'distribute', 'issue-new', 'retire');
        await log.append('rollover', { from: 'retire', to: 'done', destroyed: ['root-g2', 'issuing-g2.1'] });
      },
    ],
    [
      'a key destroyed on the way',
      'other keys',
      async (log) => {
        await started(log);
        await log.append('rollover', { from: 'prepared', to: 'distribute', destroyed: ['root-g1', 'issuing-g1.1'] });
      },
    ],
    [
      'a rollback that ends before its root is out of the bundles',
      'still handed out',
      async (log) => {
        await started(log);
        await walk(log, 'prepared', 'distribute', 'rollback');
        await log.append('rollover', { from: 'rollback', to: 'stable', destroyed: ['root-g2', 'issuing-g2.1'] });
      },
    ],
  ])('refused: %s', (_, message, fill) => refused(message, fill));
});

describe('the key that signs (I2, I6)', () => {
  const node = { kind: 'node' as const, name: 'n1', plane: 'data', serial: serialOf(1) };
  const life = { notBefore: Math.floor(START / 1000) * 1000, notAfter: Math.floor(START / 1000) * 1000 + 86_400_000 };

  test("a node's certificate by a CA that may not issue it in this phase is refused, a probe is not", async () => {
    // Both hierarchies of this log have the same names; the last CA with the issuer's name is taken: N's.
    await refused('may not issue it in this phase', async (log) => {
      await started(log);
      await log.issue([{ ...node, ...life }]);
    });
    const state = await opened(async (log) => {
      await started(log);
      await log.issue([{ ...node, kind: 'probe', plane: '', name: 'cluster-ca-probe', ...life }]);
      await walk(log, 'prepared', 'distribute', 'issue-new');
      await log.issue([{ ...node, serial: serialOf(2), ...life }]);
    });
    expect(state.seq).toBe(7);
  });

  test('a foreign CA whose certificates are in force: nobody signs until they are replaced', async () => {
    const log = new SmallLog();
    await log.append('rollover', FOREIGN);
    let { state } = await log.open();
    expect(signingIssuer(state)).toBeUndefined();
    expect(issuerOf(state, 'new')?.id).toBe('issuing-g1.1');
    expect(anchorsOf(state).map((der) => toBase64(der))).toEqual([ISSUING.certificate]);
    await walk(log, 'prepared', 'distribute');
    expect(anchorsOf((await log.open()).state).map((der) => toBase64(der))).toEqual([
      ISSUING.certificate,
      ROOT.certificate,
    ]);
    await walk(log, 'distribute', 'issue-new', 'retire');
    await log.append('rollover', { from: 'retire', to: 'done' });
    ({ state } = await log.open());
    expect(signingIssuer(state)?.id).toBe('issuing-g1.1');
    expect(state.destroyed).toBeUndefined();
    expect(anchorsOf(state).map((der) => toBase64(der))).toEqual([ROOT.certificate]);
  });
});

describe('a takeover that was taken back', () => {
  const back = async (log: SmallLog): Promise<void> => {
    for (const [from, to] of [
      ['prepared', 'distribute'],
      ['distribute', 'rollback'],
    ] as const)
      await log.append('rollover', { from, to });
    await log.append('withdraw', {});
    await log.append('rollover', { from: 'rollback', to: 'stable' });
  };

  test('it rests on the foreign CA: its anchor is handed out, nobody signs, nothing is in progress', async () => {
    const log = new SmallLog();
    await log.append('rollover', FOREIGN);
    await back(log);
    const { state } = await log.open();
    expect(state.rollover).toMatchObject({ form: 'foreign', phase: 'stable', new: 'root-g1' });
    expect(inProgress(state)).toBe(false);
    expect(signingIssuer(state)).toBeUndefined();
    expect(ownRoot(state)?.id).toBe('root-g1');
    expect(anchorsOf(state).map((der) => toBase64(der))).toEqual([ISSUING.certificate]);
    // Taken over again, to the end.
    await log.append('rollover', FOREIGN);
    for (const [from, to] of [
      ['prepared', 'distribute'],
      ['distribute', 'issue-new'],
      ['issue-new', 'retire'],
      ['retire', 'done'],
    ] as const)
      await log.append('rollover', { from, to });
    expect(anchorsOf((await log.open()).state).map((der) => toBase64(der))).toEqual([ROOT.certificate]);
  });

  test('a start that is abandoned changes nothing of what it rests on', async () => {
    const log = new SmallLog();
    await log.append('rollover', FOREIGN);
    await log.append('rollover', { from: 'prepared', to: 'stable' });
    expect((await log.open()).state.rollover).toBeUndefined();
    await log.append('rollover', FOREIGN);
    await back(log);
    const other = { form: 'foreign' as const, authorities: [], foreign: { certificate: ROOT.certificate } };
    await log.append('rollover', { from: 'stable', to: 'prepared', start: other });
    await log.append('rollover', { from: 'prepared', to: 'stable' });
    const { state } = await log.open();
    expect(anchorsOf(state).map((der) => toBase64(der))).toEqual([ISSUING.certificate]);
  });

  test('no root of ours is replaced from there', async () => {
    await refused('does not rest on', async (log) => {
      await log.append('rollover', FOREIGN);
      await back(log);
      await log.append('rollover', START_2);
    });
  });
});

describe('what is told of a rollover', () => {
  const proof = (service: string, at: number): Proof => ({
    kind: 'node',
    name: 'n1',
    plane: 'data',
    service,
    role: 'accept',
    trustsNew: true,
    provenBy: 'handshake',
    at,
  });

  test('exclusions, confirmations and the last proofs; a snapshot has them too', async () => {
    const log = new SmallLog();
    await started(log);
    const holders = [{ kind: 'node' as const, name: 'n3' }];
    await log.append('exclude', { holders });
    await log.append('exclude', { holders: [...holders, { kind: 'client', name: 'app' }] });
    await log.append('confirm', { kind: 'client', name: 'app', bundle: 'aa'.repeat(32) });
    await log.append('confirm', { kind: 'client', name: 'app', certificate: 'bb'.repeat(32) });
    await log.append('evidence', { proofs: [proof('redis a', 1), proof('redis b', 1)] });
    await log.append('evidence', { proofs: [proof('redis a', 2)] });
    const keystore = await log.open();
    const { rollover } = keystore.state;
    expect(rollover?.excluded).toEqual([
      { kind: 'node', name: 'n3', at: START + 2000 },
      { kind: 'client', name: 'app', at: START + 3000 },
    ]);
    expect(rollover?.confirmed).toEqual([
      { kind: 'client', name: 'app', bundle: 'aa'.repeat(32), certificate: 'bb'.repeat(32), at: START + 5000 },
    ]);
    expect(rollover?.evidence?.map(({ service, at }) => [service, at])).toEqual([
      ['redis b', 1],
      ['redis a', 2],
    ]);
    await log.append('trust', { add: [ISSUING.certificate], remove: [] });
    await keystore.refresh();
    await takeSnapshot(keystore);
    const again = await log.open();
    expect(again.tail.records).toBe(0);
    expect(again.state).toEqual(keystore.state);
  });

  test('refused where there is no rollover, or it is done', async () => {
    const body = { holders: [{ kind: 'node' as const, name: 'n1' }] };
    await refused('there is none', (log) => log.append('exclude', body));
    await refused('there is none', async (log) => {
      await started(log);
      await walk(log, 'prepared', 'distribute', 'issue-new', 'retire', 'done');
      await log.append('confirm', { kind: 'node', name: 'n1' });
    });
    await refused('withdraws a root', async (log) => {
      await started(log);
      await log.append('withdraw', {});
    });
  });
});

describe('a new issuing CA under the same root', () => {
  const body = (id: string): Bodies['issuing'] => ({
    authority: authority(id),
    crls: [crl(id)],
    domains: ['orders.internal', 'shop.internal'],
    permitIp: [],
  });

  test('signs from then on, with the new names', async () => {
    const state = await opened((log) => log.append('issuing', body('issuing-g1.2')));
    expect(signingIssuer(state)?.id).toBe('issuing-g1.2');
    expect(state.policy).toMatchObject({ domains: ['orders.internal', 'shop.internal'], permitIp: [] });
  });

  test('refused: a number left out, another generation, without a CRL, in a rollover', async () => {
    await refused('does not bring issuing-g1.2', (log) => log.append('issuing', body('issuing-g1.3')));
    await refused('does not bring issuing-g1.2', (log) => log.append('issuing', body('issuing-g2.2')));
    await refused('without a CRL', (log) => log.append('issuing', { ...body('issuing-g1.2'), crls: [] }));
    await refused('in the middle of a rollover', async (log) => {
      await started(log);
      await log.append('issuing', body('issuing-g1.2'));
    });
  });
});

describe('intermediate CAs of another PKI', () => {
  const body = (...ids: string[]): Bodies['intermediates'] => ({
    authorities: ids.map((id) => ({ ...authority(id), role: 'intermediate' })),
  });

  test('are numbered on, and sign nothing here', async () => {
    const state = await opened(async (log) => {
      await log.append('intermediates', body('intermediate-g1.1'));
      await log.append('intermediates', body('intermediate-g1.2', 'intermediate-g1.3'));
    });
    expect(state.authorities.map(({ id }) => id).slice(-3)).toEqual([
      'intermediate-g1.1',
      'intermediate-g1.2',
      'intermediate-g1.3',
    ]);
    expect(signingIssuer(state)?.role).toBe('issuing');
  });

  test('refused: a number left out, and a CA of another role', async () => {
    await refused('intermediate CA 1', (log) => log.append('intermediates', body('intermediate-g1.2')));
    await refused('intermediate CA 1', (log) =>
      log.append('intermediates', { authorities: [authority('issuing-g1.2')] }),
    );
  });
});

describe('further anchors', () => {
  test('added, removed, and never twice', async () => {
    const { sha256Hex } = await import('../../src/crypto/hash.ts');
    const hash = sha256Hex(Buffer.from(ISSUING.certificate, 'base64'));
    const add = { add: [ISSUING.certificate], remove: [] };
    const state = await opened((log) => log.append('trust', add));
    expect(state.trusted).toEqual([{ certificate: ISSUING.certificate, addedAt: START + 1000 }]);
    const gone = await opened(async (log) => {
      await log.append('trust', add);
      await log.append('trust', { add: [], remove: [hash] });
    });
    expect(gone.trusted).toBeUndefined();
    await refused('removes an anchor', (log) => log.append('trust', { add: [], remove: [hash] }));
    await refused('adds an anchor twice', async (log) => {
      await log.append('trust', add);
      await log.append('trust', add);
    });
  });
});
