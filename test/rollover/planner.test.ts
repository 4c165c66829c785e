import { describe, expect, test } from '@jest/globals';
import { attemptKey, nextStep, type Step } from '../../src/rollover/planning/planner.ts';
import { certificate, NOW, proof, situation, subject, three } from './planning.ts';

const names = (step: Step): string[] => ('holders' in step ? step.holders.map(({ name }) => name) : []);
const EVERYBODY = Object.assign(new Set<string>(), { has: () => true });
const tried = (what: 'deploy-trust' | 'replace-certificates', ...nodes: string[]): ReadonlySet<string> =>
  new Set(nodes.map((name) => attemptKey(what, { kind: 'node', name })));

describe('a rollover that goes on', () => {
  test('nothing without one, or when it is done', () => {
    for (const phase of ['stable', 'done'] as const)
      for (const direction of ['forward', 'back'] as const)
        expect(nextStep(situation(phase, three(['old'], 'old')), { direction })).toEqual({ do: 'nothing' });
  });

  test('prepared: verified and backed up', () => {
    const parts = three(['old'], 'old');
    expect(nextStep(situation('prepared', parts))).toMatchObject({ do: 'commit', to: 'distribute' });
    const prepared = { verified: false, backup: false };
    const step = nextStep(situation('prepared', parts, { prepared }));
    expect(step).toMatchObject({ do: 'blocked', blockers: [{ guard: 'G1' }, { guard: 'G1' }] });
    expect(nextStep(situation('prepared', parts), { direction: 'back' })).toMatchObject({ to: 'stable' });
  });

  test('distribute: the bundle to whoever lacks the new root, then G2 for who did not take it', () => {
    const parts = three(['old', 'new'], 'old');
    expect(nextStep(situation('distribute', parts))).toMatchObject({ do: 'commit', to: 'issue-new', weaker: [] });
    const lacking = {
      ...parts,
      proofs: parts.proofs.map((one) => (one.name === 'n2' ? { ...one, trustsNew: false } : one)),
    };
    const step = nextStep(situation('distribute', lacking));
    expect([step.do, names(step)]).toEqual(['deploy-trust', ['n2']]);
    expect(nextStep(situation('distribute', lacking), { attempted: tried('deploy-trust', 'n2') })).toEqual({
      do: 'blocked',
      to: 'issue-new',
      blockers: (['accept', 'connect'] as const).map((role) => ({
        guard: 'G2',
        holder: { kind: 'node', name: 'n2' },
        service: 'redis n2:6379',
        role,
        reason: `n2, redis n2:6379 (${role}) does not trust the new root`,
        hint: expect.stringContaining('rollover advance'),
      })),
    });
  });

  test('a silent one blocks until it is left out', () => {
    const parts = three(['old', 'new'], 'old');
    const silent = {
      ...parts,
      proofs: parts.proofs.map((one) =>
        one.name === 'n3'
          ? {
              ...one,
              trustsOld: undefined,
              trustsNew: undefined,
              serves: undefined,
              provenBy: undefined,
              error: 'connection refused',
            }
          : one,
      ),
    };
    const attempted = tried('deploy-trust', 'n3');
    expect(nextStep(situation('distribute', silent), { attempted })).toMatchObject({
      do: 'blocked',
      blockers: [
        {
          holder: { name: 'n3' },
          reason: expect.stringContaining('connection refused'),
          hint: expect.stringContaining('--exclude n3'),
        },
        { holder: { name: 'n3' } },
      ],
    });
    const excluded = [{ kind: 'node', name: 'n3' }] as const;
    expect(nextStep(situation('distribute', silent, { excluded }))).toMatchObject({ do: 'commit', to: 'issue-new' });
  });

  test('issue-new: drifted trust first, then certificates, then G3', () => {
    const parts = three(['old', 'new'], 'old');
    const drifted = {
      ...parts,
      proofs: parts.proofs.map((one) => (one.name === 'n1' ? { ...one, trustsNew: false } : one)),
    };
    expect(nextStep(situation('issue-new', drifted))).toMatchObject({ do: 'deploy-trust', holders: [{ name: 'n1' }] });
    const step = nextStep(situation('issue-new', parts));
    expect([step.do, names(step), step.do === 'replace-certificates' && step.issuer]).toEqual([
      'replace-certificates',
      ['n1', 'n2', 'n3'],
      'new',
    ]);
    const attempted = tried('replace-certificates', 'n1', 'n2', 'n3');
    const blocked = nextStep(situation('issue-new', parts), { attempted });
    expect(blocked).toMatchObject({ do: 'blocked', to: 'retire' });
    expect(blocked.do === 'blocked' && blocked.blockers[0]?.reason).toMatch(
      /^the certificate 40.* of n1\/data, issued under the old root, has no successor/,
    );
    expect(nextStep(situation('issue-new', three(['old', 'new'], 'new')))).toMatchObject({ to: 'retire' });
  });

  test('issue-new: a successor that is not proven served is none; revoked and expired ones are settled', () => {
    const parts = three(['old', 'new'], 'new');
    const serving = {
      ...parts,
      proofs: parts.proofs.map((one) => (one.name === 'n2' ? { ...one, serves: 'old' as const } : one)),
    };
    const attempted = tried('replace-certificates', 'n2');
    expect(nextStep(situation('issue-new', serving), { attempted })).toMatchObject({
      blockers: [{ guard: 'G3', reason: 'n2, redis n2:6379 shows a certificate of the old root' }],
    });
    for (const settled of [{ revoked: true }, { notAfter: NOW - 1 }]) {
      const certificates = serving.certificates.map((one) =>
        one.name === 'n2' && one.issuer === 'old' ? { ...one, ...settled } : one,
      );
      expect(nextStep(situation('issue-new', { ...serving, certificates }))).toMatchObject({
        do: 'commit',
        to: 'retire',
      });
    }
  });

  test('issue-new: every service that had the certificate is to show its successor', () => {
    const parts = three(['old', 'new'], 'new');
    const second = subject('n1', 'accept', { service: 'redis n1:6380' });
    const more = {
      ...parts,
      subjects: [...parts.subjects, second],
      proofs: [...parts.proofs, proof(second, ['old', 'new'], 'old')],
    };
    expect(nextStep(situation('issue-new', more))).toMatchObject({
      do: 'replace-certificates',
      holders: [{ name: 'n1' }],
    });
  });

  test('issue-new: a client’s certificate blocks until it is confirmed, revoked or expired', () => {
    const parts = three(['old', 'new'], 'new');
    const app = subject('app', 'connect', { kind: 'client', plane: '', service: '', atLeast: 'declared' });
    const issued = certificate('app', 'old', { kind: 'client', plane: '' });
    const withApp = { ...parts, subjects: [...parts.subjects, app], certificates: [...parts.certificates, issued] };
    // It has no service, so that nothing is deployed to it: no step is to say so.
    expect(nextStep(situation('issue-new', withApp))).toMatchObject({
      do: 'blocked',
      blockers: [
        { guard: 'G3', holder: { kind: 'client', name: 'app' }, hint: expect.stringContaining('rollover confirm app') },
      ],
    });
    const confirmed = [
      { kind: 'client', name: 'app', at: NOW, trustsOld: true, trustsNew: true, serves: 'new' },
    ] as const;
    expect(nextStep(situation('issue-new', withApp, { confirmed }))).toMatchObject({
      do: 'commit',
      to: 'retire',
      weaker: [{ subject: app }],
    });
  });

  test('retire: absence is to be proven', () => {
    expect(nextStep(situation('retire', three(['new'], 'new')))).toMatchObject({ do: 'commit', to: 'done' });
    const parts = three(['new'], 'new');
    const unknown = { ...parts, proofs: parts.proofs.map((one) => ({ ...one, trustsOld: undefined })) };
    const attempted = tried('deploy-trust', 'n1', 'n2', 'n3');
    const step = nextStep(situation('retire', unknown), { attempted });
    expect(step.do === 'blocked' && step.blockers.map(({ guard }) => guard)).toEqual(Array(6).fill('G4'));
  });

  test('who misses the deadline of an emergency is left out, by name', () => {
    const parts = three(['old', 'new'], 'old');
    const silent = { ...parts, proofs: parts.proofs.filter(({ name }) => name !== 'n3') };
    const attempted = tried('deploy-trust', 'n3');
    const step = (deadline: number): Step => nextStep(situation('distribute', silent, { deadline }), { attempted });
    expect(step(600_001).do).toBe('blocked');
    expect([step(600_000).do, names(step(600_000))]).toEqual(['exclude', ['n3']]);
    const late = situation('distribute', silent, { deadline: 600_000 });
    expect(nextStep(late, { attempted, mayLeaveOut: false })).toMatchObject({ do: 'blocked', to: 'issue-new' });
  });
});

describe('one that checks no client certificate', () => {
  // A front end: whom it connects to is proven by its files, and in accept there is nothing to prove.
  const front = (trust: readonly ('old' | 'new')[], serves: 'old' | 'new') => {
    const parts = three(trust, serves);
    return {
      ...parts,
      proofs: parts.proofs.map(({ trustsOld, trustsNew, ...one }) =>
        one.name === 'n2' && one.role === 'accept' ? { ...one, checksNone: true } : { ...one, trustsOld, trustsNew },
      ),
    };
  };

  test.each([
    ['distribute', ['old', 'new'], 'old', 'issue-new'],
    ['retire', ['new'], 'new', 'done'],
  ] as const)('in %s it is asked for no proof, and named', (phase, trust, serves, to) => {
    const step = nextStep(situation(phase, front(trust, serves)));
    expect(step).toMatchObject({ do: 'commit', to, weaker: [{ checksNone: true, subject: { name: 'n2' } }] });
  });

  test('whom it connects to is still asked', () => {
    const parts = front(['old'], 'old');
    const step = nextStep(situation('distribute', parts), { attempted: tried('deploy-trust', 'n1', 'n2', 'n3') });
    expect(step.do === 'blocked' && step.blockers.filter(({ holder }) => holder?.name === 'n2')).toMatchObject([
      { role: 'connect' },
    ]);
  });

  test('what it was proven to trust before is not held beside it', () => {
    const parts = front(['new'], 'new');
    const before = three(['old', 'new'], 'new').proofs.map((one) => ({ ...one, at: one.at - 100 }));
    expect(nextStep(situation('retire', { ...parts, proofs: [...before, ...parts.proofs] }))).toMatchObject({
      to: 'done',
    });
  });
});

describe('a rollover that turns back', () => {
  const back = { direction: 'back' } as const;

  test('distribute: at once, though nobody has the new root yet', () => {
    expect(nextStep(situation('distribute', three(['old'], 'old')), back)).toMatchObject({
      do: 'commit',
      to: 'rollback',
    });
  });

  test('distribute: nobody is asked for a word about the root that nobody was told to drop', () => {
    const app = subject('app', 'connect', { kind: 'client', plane: '', service: '', atLeast: 'declared' });
    const parts = three(['old'], 'old');
    const silent = parts.proofs.map((one) =>
      one.name === 'n3' ? { ...one, trustsOld: undefined, trustsNew: undefined, error: 'connection refused' } : one,
    );
    const never = { ...parts, subjects: [...parts.subjects, app], proofs: silent };
    expect(nextStep(situation('distribute', never), back)).toMatchObject({ do: 'commit', to: 'rollback' });
    // Who is seen to lack it is given it first.
    const lacking = parts.proofs.map((one) => (one.name === 'n2' ? { ...one, trustsOld: false } : one));
    const without = { ...never, proofs: lacking };
    expect(nextStep(situation('distribute', without), back)).toMatchObject({
      do: 'deploy-trust',
      holders: [{ name: 'n2' }],
    });
    const attempted = tried('deploy-trust', 'n2');
    expect(nextStep(situation('distribute', without), { ...back, attempted })).toMatchObject({
      do: 'blocked',
      to: 'rollback',
      blockers: [{ guard: 'GR', holder: { name: 'n2' } }, {}],
    });
    // Later some have dropped it.
    expect(nextStep(situation('issue-new', never), { ...back, attempted: EVERYBODY })).toMatchObject({
      do: 'blocked',
      blockers: [{ holder: { name: 'n3' } }, {}, { holder: { name: 'app' } }],
    });
  });

  test('issue-new: the old root in everybody’s trust first', () => {
    const parts = three(['new'], 'new');
    expect(nextStep(situation('issue-new', parts), back)).toMatchObject({ do: 'deploy-trust' });
    const attempted = tried('deploy-trust', 'n1', 'n2', 'n3');
    expect(nextStep(situation('issue-new', parts), { ...back, attempted })).toMatchObject({
      do: 'blocked',
      to: 'rollback',
      blockers: [{ guard: 'GR' }, {}, {}, {}, {}, {}],
    });
    expect(nextStep(situation('issue-new', three(['old', 'new'], 'new')), back)).toMatchObject({ to: 'rollback' });
  });

  test('retire: to issue-new, always', () => {
    expect(nextStep(situation('retire', three([], 'new')), back)).toMatchObject({ do: 'commit', to: 'issue-new' });
  });

  test('rollback: certificates of the old root, then the new root out of the bundles, then its absence', () => {
    const parts = three(['old', 'new'], 'new');
    expect(nextStep(situation('rollback', parts))).toMatchObject({ do: 'replace-certificates', issuer: 'old' });
    const renewed = {
      ...three(['old', 'new'], 'old'),
      certificates: ['n1', 'n2', 'n3'].flatMap((name) => [
        certificate(name, 'new', { superseded: true }),
        certificate(name, 'old'),
      ]),
    };
    expect(nextStep(situation('rollback', renewed))).toEqual({ do: 'withdraw' });
    expect(nextStep(situation('rollback', renewed, { withdrawn: true }))).toMatchObject({ do: 'deploy-trust' });
    const withdrawn = { ...renewed, proofs: three(['old'], 'old').proofs };
    expect(nextStep(situation('rollback', withdrawn, { withdrawn: true }))).toMatchObject({
      do: 'commit',
      to: 'stable',
    });
  });
});
