import { describe, expect, test } from '@jest/globals';
import { simulate } from '../../src/rollover/planning/simulate.ts';
import { judge } from '../../src/rollover/planning/situation.ts';
import { proof, situation, subject, three } from './planning.ts';

describe('a rollover tried out on every pair', () => {
  test.each(['prepared', 'distribute', 'issue-new', 'retire', 'rollback'] as const)(
    'from %s on: nothing breaks where all is as it should be, forward and back',
    (phase) => {
      const parts = {
        prepared: three(['old'], 'old'),
        distribute: three(['old', 'new'], 'old'),
        'issue-new': three(['old', 'new'], 'new'),
        retire: three(['new'], 'new'),
        rollback: three(['old', 'new'], 'old'),
      }[phase];
      const judged = judge(situation(phase, parts));
      expect([simulate(judged), simulate(judged, 'back')]).toEqual([[], []]);
    },
  );

  test('one that has lost the old root refuses the others now, and whoever goes on without it is refused then', () => {
    const parts = three(['old', 'new'], 'old');
    const proofs = parts.proofs.map((one) => (one.name === 'n1' ? { ...one, trustsOld: false } : one));
    const found = simulate(judge(situation('distribute', { ...parts, proofs })));
    expect(found.slice(0, 2)).toEqual([
      {
        when: 'now',
        from: 'n1 (redis n1:6379)',
        to: 'n2 (redis n2:6379)',
        why: 'n2 (redis n2:6379) shows a certificate of the old root, which n1 (redis n1:6379) does not trust',
      },
      expect.objectContaining({ when: 'now', from: 'n1 (redis n1:6379)', to: 'n3 (redis n3:6379)' }),
    ]);
    // The step that deploys certificates under the new root meets it too; what follows on that does not.
    expect(new Set(found.map(({ when }) => when))).toEqual(new Set(['now', 'distribute → issue-new']));
  });

  test('one that checks nobody refuses nobody; what it shows is still to be trusted', () => {
    const parts = three(['old'], 'old');
    const proofs = parts.proofs.map(({ trustsOld, trustsNew, ...one }) =>
      one.name === 'n1' && one.role === 'accept' ? { ...one, checksNone: true } : { ...one, trustsOld, trustsNew },
    );
    expect(simulate(judge(situation('prepared', { ...parts, proofs })))).toEqual([]);
    const ahead = proofs.map((one) => (one.name === 'n1' ? { ...one, serves: 'new' as const } : one));
    const found = simulate(judge(situation('prepared', { ...parts, proofs: ahead })));
    expect(found).toContainEqual(
      expect.objectContaining({ when: 'now', from: 'n2 (redis n2:6379)', to: 'n1 (redis n1:6379)' }),
    );
  });

  test('one that lacks the new root would refuse those with new certificates', () => {
    const parts = three(['old', 'new'], 'old');
    const proofs = parts.proofs.map((one) => (one.name === 'n1' ? { ...one, trustsNew: false } : one));
    const found = simulate(judge(situation('distribute', { ...parts, proofs })));
    expect(new Set(found.map(({ when }) => when))).toEqual(new Set(['distribute → issue-new']));
    expect(found[0]?.why).toMatch(/of the new root, which n1 .* does not trust/);
  });
});

test('a fleet of 5,000 services, one of which lacks the new root, is tried out', () => {
  const names = Array.from({ length: 2500 }, (_, i) => `n${i}`);
  const subjects = names.flatMap((name) => [subject(name, 'accept'), subject(name, 'connect')]);
  const proofs = subjects.map((of) => proof(of, of.name === 'n7' ? ['old'] : ['old', 'new'], 'old'));
  const found = simulate(judge(situation('distribute', { subjects, proofs })));
  expect(found).toHaveLength(100);
  for (const { from, to } of found) expect(`${from} ${to}`).toContain('n7 ');
});
