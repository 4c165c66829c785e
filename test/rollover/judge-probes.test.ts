import { describe, expect, test } from '@jest/globals';
import { judgeProbes, type ProbeAnswer, SAME_MINUTE } from '../../src/rollover/planning/judge-probes.ts';

const accepted = (at = 0): ProbeAnswer => ({ outcome: 'accepted', at });
const refused = (at = 0, reason?: string): ProbeAnswer => ({ outcome: 'refused', at, reason });

describe('what probes prove', () => {
  test('accepted is trusted, by whichever CA', () => {
    expect(judgeProbes({ old: accepted(), new: accepted() })).toEqual({ trustsOld: true, trustsNew: true });
    expect(judgeProbes({ new: accepted() })).toEqual({ trustsNew: true });
  });

  test('refused is absent, where the other one was accepted in the same minute', () => {
    expect(judgeProbes({ old: refused(), new: accepted() })).toEqual({ trustsOld: false, trustsNew: true });
    expect(judgeProbes({ old: accepted(), new: refused() })).toEqual({ trustsOld: true, trustsNew: false });
  });

  test('refused alone, or long before the other was accepted, proves nothing', () => {
    expect(judgeProbes({ old: refused(0, 'unknown_ca') })).toEqual({
      error: 'a refusal alone proves nothing (unknown_ca)',
    });
    const late = judgeProbes({ old: refused(0), new: accepted(SAME_MINUTE + 60_001) });
    expect(late).toEqual({
      trustsNew: true,
      error: 'the two probes lie 2 minutes apart: a refusal counts within one minute',
    });
    expect(judgeProbes({ old: refused(0), new: accepted(SAME_MINUTE) })).toMatchObject({ trustsOld: false });
  });

  test('one that refuses both has a wrong clock, or another reason of its own', () => {
    const { error, ...facts } = judgeProbes({ old: refused(0, 'certificate_expired'), new: refused(1) });
    expect(facts).toEqual({});
    expect(error).toMatch(/refuses the probes of both CAs.*certificate_expired.*clock/);
  });

  test('one that lets in whoever comes proves nothing by letting us in', () => {
    const all = { old: accepted(), new: accepted(), stranger: accepted() };
    expect(judgeProbes(all)).toEqual({ error: expect.stringContaining('a CA that nobody knows') });
    expect(judgeProbes({ ...all, stranger: refused() })).toEqual({ trustsOld: true, trustsNew: true });
    expect(judgeProbes({ ...all, asks: true })).not.toHaveProperty('checksNone');
  });

  test('one that asks for no certificate, or is meant to take any, has nothing to prove', () => {
    const all = { old: accepted(), new: accepted(), stranger: accepted() };
    expect(judgeProbes({ ...all, asks: false })).toEqual({ checksNone: true });
    expect(judgeProbes({ ...all, asks: true, saidToCheckNone: true })).toEqual({ checksNone: true });
    // It is said to check none, and checks.
    expect(judgeProbes({ ...all, stranger: refused(), saidToCheckNone: true })).toEqual({
      trustsOld: true,
      trustsNew: true,
      error: expect.stringContaining('it checks'),
    });
  });

  test('nothing asked, nothing known', () => {
    expect(judgeProbes({})).toEqual({});
  });
});
