import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { safeJson } from '../../../src/ui/text/safe.ts';
import { documentText, SpooledList } from '../../../src/ui/text/spooled-list.ts';

const element = fc.dictionary(
  fc.string({ unit: 'binary', maxLength: 5 }),
  fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.constant(null), fc.array(fc.string())),
);

function spooled(elements: object[]): SpooledList<object> {
  const list = new SpooledList<object>();
  for (const one of elements) list.push(one);
  return list;
}

const printed = (document: object): string =>
  [...documentText(document)]
    .map((piece) => (typeof piece === 'string' ? piece : Buffer.from(piece).toString()))
    .join('');

describe('a list that is kept as text', () => {
  test('is printed as the list itself, wherever it stands in the document', () => {
    fc.assert(
      fc.property(
        fc.array(element, { maxLength: 5 }),
        fc.array(element, { maxLength: 5 }),
        fc.boolean(),
        (a, b, tail) => {
          const document = (one: unknown, other: unknown) => ({
            schemaVersion: 1,
            one,
            left: undefined,
            ...(tail ? { other, text: 'x', failed: [] } : { text: { deep: [1] }, other }),
          });
          expect(printed(document(spooled(a), spooled(b)))).toBe(safeJson(document(a, b)));
        },
      ),
    );
    expect(printed({})).toBe(safeJson({}));
    expect(printed({ only: new SpooledList() })).toBe(safeJson({ only: [] }));
  });

  test('over several chunks, walked through twice, changed, and added to afterwards', () => {
    const elements = Array.from({ length: 1234 }, (_, i) => ({ i, text: `é\u202e${i}` }));
    const list = spooled(elements);
    expect(list.length).toBe(1234);
    expect([...list]).toEqual(elements);
    expect([...list]).toEqual(elements);
    expect(printed({ c: list })).toBe(safeJson({ c: elements }));
    expect([...list.map(({ ...one }) => ({ ...one, more: true }))]).toEqual(
      elements.map((one) => ({ ...one, more: true })),
    );
    list.push({ i: -1 });
    expect([...list]).toEqual([...elements, { i: -1 }]);
    expect(printed({ c: list })).toBe(safeJson({ c: [...elements, { i: -1 }] }));
  });
});
