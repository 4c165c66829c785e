import { describe, expect, test } from '@jest/globals';
import { desired, needsRootDomain, PHASES, type Phase, successors } from '../../src/rollover/phase.ts';

/** The phases that can be reached, by any number of steps. */
function reachable(from: Phase): Set<Phase> {
  const seen = new Set<Phase>([from]);
  for (const phase of seen) for (const next of successors(phase)) seen.add(next);
  return seen;
}

describe('the phases of a rollover', () => {
  test('no step changes both who is trusted and who issues, and no step replaces one anchor by the other', () => {
    for (const from of PHASES)
      for (const to of successors(from)) {
        // What `start` takes the end of the last rollover for.
        if (from === 'done') continue;
        const [a, b] = [desired(from), desired(to)];
        const trust = a.trust.join() !== b.trust.join();
        expect([from, to, trust && a.issuer !== b.issuer]).toEqual([from, to, false]);
        expect([from, to, a.trust.some((side) => b.trust.includes(side))]).toEqual([from, to, true]);
      }
  });

  test('the issuer is always trusted, and never are there more than two roots', () => {
    for (const phase of PHASES)
      for (const withdrawn of [false, true]) {
        const { trust, issuer } = desired(phase, withdrawn);
        expect(trust).toContain(issuer);
        expect(new Set(trust).size).toBe(trust.length);
      }
  });

  test('back to the old root from everywhere but done; to done from everywhere', () => {
    for (const phase of PHASES) {
      if (phase !== 'done') expect([phase, reachable(phase).has('stable')]).toEqual([phase, true]);
      expect([phase, reachable(phase).has('done')]).toEqual([phase, true]);
    }
  });

  test('what withdraws the new root changes the trust of a rollback, and of nothing else', () => {
    const changed = PHASES.filter((phase) => desired(phase, true) !== desired(phase));
    expect(changed).toEqual(['rollback']);
    expect(desired('rollback', true)).toEqual(desired('stable'));
  });

  test('keys of roots are made and destroyed by the first step and the last ones', () => {
    const steps = PHASES.flatMap((from) => successors(from).map((to): [Phase, Phase] => [from, to]));
    expect(steps.filter(([from, to]) => needsRootDomain(from, to)).map((step) => step.join(' → '))).toEqual([
      'stable → prepared',
      'prepared → stable',
      'retire → done',
      'rollback → stable',
      'done → prepared',
    ]);
  });
});
