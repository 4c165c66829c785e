import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readPlain } from '../../src/inventory/plain.ts';
import { readYaml } from '../../src/inventory/yaml-document.ts';

// What the fast reader takes, the YAML parser takes too, and both say the same.

function agree(source: string): boolean {
  const plain = readPlain(source);
  if (plain === undefined) return false;
  expect([source, plain]).toEqual([source, readYaml(source, 'cluster.yaml').value]);
  return true;
}

const PLAIN = ['a', 'b1', 'redis-1', '10.0.0.1', 'fd00::1', 'a:b', '"x y"', "'it'", '1e3', '{}', '[]', '[a, b]'];
const PIECES =
  `a: :a null ~ - -a @a a@b .5 'it''s' "a\\n" " | > *a &a !t % ? # a#b << {node}.x x/y +1 012 --- ... [ ] { } , : é`.split(
    ' ',
  );
const scalar = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...PLAIN) },
  { weight: 1, arbitrary: fc.constantFrom(...PIECES, '', '- ', '? ', '# c', 'a #b', 'a b', ': ', '\t') },
);
const { flow } = fc.letrec((tie) => ({
  flow: fc.oneof(
    { maxDepth: 3 },
    { weight: 3, arbitrary: scalar },
    fc
      .tuple(fc.array(tie('flow'), { maxLength: 3 }), fc.constantFrom(', ', ',', ' , '))
      .map(([parts, by]) => `[${parts.join(by)}]`),
    fc
      .array(fc.tuple(scalar, fc.constantFrom(': ', ': ', ': ', ':', ' : ', ':  '), tie('flow')), { maxLength: 3 })
      .map((parts) => `{ ${parts.map((part) => part.join('')).join(', ')} }`),
  ),
}));
const key = fc.oneof({ weight: 6, arbitrary: fc.constantFrom('k', 'l', 'm', 'n-1', 'o.p', 'q_r') }, scalar);
const line = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(key, fc.constantFrom(': ', ': ', ': ', ': ', ':', ':  '), flow).map((parts) => parts.join('')),
  },
  { weight: 2, arbitrary: fc.tuple(key, fc.constantFrom(':', ':', ': ')).map((parts) => parts.join('')) },
  fc.tuple(fc.constantFrom('- ', '- ', '-  ', '-', '- - '), flow).map((parts) => parts.join('')),
  fc.constantFrom('', '# a comment', '  # indented', '---', '...'),
  flow as fc.Arbitrary<string>,
);
const indent = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.constantFrom(0, 2, 2, 2, 1, 4, 6));
const end = fc.oneof({ weight: 8, arbitrary: fc.constant('') }, fc.constantFrom(' ', ' # c'));
const text = fc
  .array(fc.tuple(indent, line, end), { maxLength: 6 })
  .map((lines) => lines.map(([spaces, content, tail]) => ' '.repeat(spaces) + content + tail).join('\n'));

describe('what the fast reader takes is YAML that says the same', () => {
  test('of texts made of pieces that YAML gives a meaning to', () => {
    let taken = 0;
    fc.assert(
      fc.property(text, (source) => void (agree(source) && taken++)),
      { numRuns: Number(process.env.RUNS ?? 4000) },
    );
    expect(taken).toBeGreaterThan(50);
  });

  test('of an inventory with any few characters changed', () => {
    const lines = [
      'cluster: orders',
      'defaults: { lifetime: 90d, dns: ["{node}.orders.internal"] }',
      'nodes:',
      '  redis-1: { ip: [10.0.0.1, "::1"] }',
      '  redis-2:',
      '    ip:',
      '    - 10.0.0.2',
      '    planes: [data]',
      '  redis-3: {}',
      '# a comment',
      'clients:',
      '  app: { lifetime: 30d }',
      '',
    ];
    const whole = lines.join('\n');
    expect(agree(whole)).toBe(true);
    const change = fc.tuple(
      fc.nat(whole.length - 1),
      fc.constantFrom(
        '',
        ' ',
        '  ',
        ':',
        ': ',
        '-',
        '- ',
        '#',
        '"',
        "'",
        '[',
        ']',
        '{',
        '}',
        ',',
        '\n',
        '\n ',
        '&',
        '*',
        '!',
        '|',
        '>',
        '\t',
        'x',
        '@',
        '%',
        '?',
      ),
    );
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), fc.boolean(), (changes, insert) => {
        const source = changes.reduce((at, [i, piece]) => at.slice(0, i) + piece + at.slice(insert ? i : i + 1), whole);
        agree(source);
      }),
      { numRuns: Number(process.env.RUNS ?? 4000) },
    );
  });
});

test.each([
  ['an empty text', ''],
  ['a comment behind a value', 'a: b # c'],
  ['a folded string', 'a: b\n  c'],
  ['a key twice', 'a: b\na: c'],
  ['an anchor', 'a: &x b'],
  ['an escape', 'a: "b\\n"'],
  ['a list of mappings', 'a:\n  - b: c'],
  ['a second document', 'a: b\n---\nc: d'],
  ['a tab', 'a:\tb'],
  ['other letters', 'a: é'],
  ['a key of a thousand letters', `${'k'.repeat(1100)}: v`],
])('%s is left to the YAML parser', (_, source) => {
  expect(readPlain(source)).toBeUndefined();
});
