import { describe, expect, test } from '@jest/globals';
import { type LimboCase, readJson, readLimbo, runLimbo } from './limbo.ts';

const cases = readLimbo('vectors/limbo.json').filter(({ id }) => !id.startsWith('webpki::'));
const contested = readJson('vectors/contested.json');
const ledger = readJson('limbo-ledger.json') as Record<'default' | 'strict', Record<string, string>>;

/** Ids whose verdict is not the expected one, with the first failure. */
function differences(list: readonly LimboCase[], strict: boolean): Record<string, string> {
  const out: Record<string, string> = {};
  for (const one of list) {
    const { valid, failures } = runLimbo(one, strict);
    if (valid === (one.expected_result === 'SUCCESS')) continue;
    out[one.id] = valid ? 'accepted' : `refused: ${failures[0]?.code}`;
  }
  return out;
}

describe('x509-limbo', () => {
  test('has the cases that are claimed', () => {
    expect(cases.length).toBe(152);
    expect(cases.filter(({ id }) => id in contested).length).toBe(40);
  });

  test('every uncontested case agrees, but for what the ledger says', () => {
    const uncontested = cases.filter(({ id }) => !(id in contested));
    const found = differences(uncontested, false);
    expect(Object.keys(found).toSorted()).toEqual(Object.keys(ledger.default).toSorted());
  });

  test('with strict every case agrees, contested ones too, but for what the ledger says', () => {
    const found = differences(cases, true);
    expect(Object.keys(found).toSorted()).toEqual(Object.keys(ledger.strict).toSorted());
  });

  test('the ledger names cases that exist, each with a reason', () => {
    const ids = new Set(cases.map(({ id }) => id));
    for (const [id, reason] of Object.entries({ ...ledger.default, ...ledger.strict })) {
      expect(ids).toContain(id);
      expect(reason).not.toBe('');
    }
  });

  test('a refusal names its code, its rule and a certificate, and has a hint', () => {
    for (const one of cases) {
      const { valid, failures } = runLimbo(one, false);
      expect(failures.length === 0).toBe(valid);
      for (const { code, rule, message, hint, fingerprint } of failures)
        for (const text of [code, rule, message, hint, fingerprint]) expect(text).not.toBe('');
    }
  });
});
