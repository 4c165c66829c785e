import { type Entry, keyValues } from '../../ui/text/lines.ts';
import { safeItem, safeText } from '../../ui/text/safe.ts';
import type { Style } from '../../ui/text/style.ts';
import { wrap } from '../../ui/text/wrap.ts';
import type { Comparison, Difference } from '../compare.ts';
import { heading } from './certificate.ts';

/** What differs, field by field: `-` the first, `+` the second; of lists only what one of them lacks. Ends in a newline. */
export function renderComparison(comparison: Comparison, names: { a: string; b: string }, style: Style): string {
  const lines = [
    heading(comparison.identical ? 'identical' : 'different', style),
    ...keyValues(
      [
        { label: '- first', value: side(names.a, comparison.a) },
        { label: '+ second', value: side(names.b, comparison.b) },
        keyEntry(comparison),
      ],
      style,
      { indent: 2, labelWidth: 12 },
    ),
    ...comparison.differences.flatMap((difference) => ['', ...differenceLines(difference, style)]),
  ];
  return `${lines.join('\n')}\n`;
}

function keyEntry({ sameKey, a, b }: Comparison): Entry {
  const word = sameKey === true ? 'the same' : 'different';
  const meaning =
    a.kind === b.kind ? '' : sameKey === true ? ': they belong together' : ': they do not belong together';
  return { label: 'key', value: sameKey === undefined ? undefined : word + meaning };
}

function side(name: string, { kind, subject }: Comparison['a']): string {
  return subject === undefined ? `${name}: ${kind}` : `${name}: ${kind} of ${subject === '' ? '(no name)' : subject}`;
}

function differenceLines({ field, a, b }: Difference, style: Style): string[] {
  const left = asList(a);
  const right = asList(b);
  const lists = Array.isArray(a) || Array.isArray(b);
  const gone = lists ? left.filter((item) => !right.includes(item)) : left;
  const come = lists ? right.filter((item) => !left.includes(item)) : right;
  const moved = lists && gone.length + come.length === 0;
  const line = (mark: string, text: string): string[] =>
    wrap(safeText(text, style), style.width - 4).map((part, i) => `  ${i === 0 ? mark : ' '} ${part}`);
  return [
    style.accent(safeText(field, style)),
    ...(moved ? ['  the same, in another order'] : []),
    ...gone.flatMap((item) => line('-', item).map((part) => style.bad(part))),
    ...come.flatMap((item) => line('+', item).map((part) => style.good(part))),
  ];
}

function asList(value: unknown): string[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value.map(asText) : [asText(value)];
}

function asText(value: unknown): string {
  if (typeof value === 'string') return value === '' ? '(empty)' : safeItem(value);
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([key, part]) => `${key}: ${Array.isArray(part) ? part.map(asText).join(' ') : asText(part)}`)
    .join(', ');
}
