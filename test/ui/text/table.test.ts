import { expect, test } from '@jest/globals';
import { plainStyle } from '../../../src/ui/text/style.ts';
import { type Column, table } from '../../../src/ui/text/table.ts';
import { textWidth } from '../../../src/ui/text/width.ts';

interface Row {
  node: string;
  status: string;
  days: number;
  fingerprint: string;
}

const rows: Row[] = [
  { node: 'redis-1', status: 'valid', days: 89, fingerprint: 'a'.repeat(64) },
  { node: '東京', status: 'expired', days: -3, fingerprint: 'b'.repeat(64) },
];

const columns: Column<Row>[] = [
  { header: 'NODE', cell: ({ node }) => node },
  { header: 'STATUS', cell: ({ status }) => status, paint: (text) => `<${text}>` },
  { header: 'DAYS', cell: ({ days }) => String(days), align: 'right' },
  { header: 'SHA256', cell: ({ fingerprint }) => fingerprint, min: 12, priority: 1 },
];

const at = (width: number): string[] => table(rows, columns, { ...plainStyle, unicode: true, width });

test('everything is shown where there is room', () => {
  expect(at(120)).toEqual([
    'NODE     STATUS   DAYS  SHA256',
    `redis-1  <valid  >    89  ${'a'.repeat(64)}`,
    `東京     <expired>    -3  ${'b'.repeat(64)}`,
  ]);
});

test('a column with a min is cut', () => {
  expect(at(40)[1]).toBe('redis-1  <valid  >    89  aaaaaaaaaaaaaaa…');
});

test('a column with a priority is left out when it cannot be cut further', () => {
  expect(at(30)[0]).toBe('NODE     STATUS   DAYS');
  expect(at(5)[0]).toBe('NODE     STATUS   DAYS');
});

test('it fits the width at every width from 22 on', () => {
  const plain = columns.map(({ paint, ...column }) => column);
  for (let width = 22; width <= 200; width++)
    for (const line of table(rows, plain, { ...plainStyle, unicode: true, width }))
      expect(textWidth(line)).toBeLessThanOrEqual(width);
});

test('a hostile cell cannot leave its row', () => {
  const hostile = { node: 'n\u001b[2J\n1', status: 'valid', days: 1, fingerprint: '' };
  expect(table([hostile], columns, plainStyle)[1]).toMatch(/^n\\u\{1b\}\[2J\\u\{a\}1 {2}<valid >/);
});

test('without rows there is the header', () => {
  expect(table([], columns, plainStyle)).toEqual(['NODE  STATUS  DAYS  SHA256']);
});
