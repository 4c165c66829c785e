import { describe, expect, test } from '@jest/globals';
import { createStyle } from '../../src/ui/style.ts';

const tty = { isTTY: true, columns: 120 };
const env = { TERM: 'xterm-256color', LANG: 'de_CH.UTF-8' };

test('a terminal has colour, its own width and Unicode', () => {
  const style = createStyle(tty, env);
  expect(style.bad('x')).toContain('\u001b[');
  expect(style).toMatchObject({ width: 120, unicode: true });
});

test.each([
  ['a pipe', { columns: 120 }, env, {}],
  ['NO_COLOR', tty, { ...env, NO_COLOR: '1' }, {}],
  ['TERM=dumb', tty, { ...env, TERM: 'dumb' }, {}],
  ['--no-color', tty, env, { color: false }],
])('%s has none', (_, stream, variables, options) => {
  const style = createStyle(stream, { FORCE_COLOR: '3', ...variables }, options);
  for (const paint of [style.bold, style.dim, style.good, style.warn, style.bad, style.accent])
    expect(paint('x')).toBe('x');
});

test('an empty NO_COLOR says nothing', () => {
  expect(createStyle(tty, { ...env, NO_COLOR: '' }).good('x')).not.toBe('x');
});

test('256 colours where the terminal has them, the sixteen otherwise', () => {
  expect(createStyle(tty, env).good('x')).toContain('\u001b[38;5;');
  expect(createStyle(tty, { TERM: 'xterm', COLORTERM: 'truecolor' }).good('x')).toContain('\u001b[38;5;');
  expect(createStyle(tty, { TERM: 'linux' }).good('x')).toBe('\u001b[32mx\u001b[39m');
});

test('a paint takes one text: what map adds is not printed', () => {
  for (const terminal of [env, { TERM: 'linux' }])
    for (const paint of Object.values(createStyle(tty, terminal)))
      if (typeof paint === 'function') expect(['x'].map(paint)).toEqual([paint('x')]);
});

test('a pipe has no width; it is 80 where the terminal does not know, and never below 40', () => {
  expect(createStyle({ columns: 200 }, env).width).toBe(Number.POSITIVE_INFINITY);
  expect(createStyle({ isTTY: true, columns: 0 }, env).width).toBe(80);
  expect(createStyle({ isTTY: true, columns: 10 }, env).width).toBe(40);
});

test.each([
  [{ LANG: 'en_US.UTF-8' }, true],
  [{ LANG: 'C.utf8' }, true],
  [{ LC_ALL: 'C', LANG: 'en_US.UTF-8' }, false],
  [{ LC_ALL: '', LC_CTYPE: 'C.UTF-8', LANG: 'C' }, true],
  [{ LANG: 'de_DE.ISO-8859-1' }, false],
  [{}, false],
])('%j is Unicode: %s', (variables, unicode) => {
  expect(createStyle(tty, variables).unicode).toBe(unicode);
});

describe('on light and on dark', () => {
  /** The relative luminance of a colour of the 256 (WCAG 2). */
  const luminance = (index: number): number => {
    const levels = [0, 95, 135, 175, 215, 255];
    const cube = index - 16;
    const rgb =
      index >= 232
        ? Array.from({ length: 3 }, () => 8 + 10 * (index - 232))
        : [Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((level) => levels[level] as number);
    const [r = 0, g = 0, b = 0] = rgb.map((value) => {
      const c = value / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a: number, b: number): number => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);

  test.each(['good', 'warn', 'bad', 'accent', 'dim'] as const)('%s can be read', (name) => {
    const index = Number(/38;5;(\d+)m/.exec(createStyle(tty, env)[name]('x'))?.[1]);
    expect(contrast(luminance(index), 0)).toBeGreaterThan(3.5);
    expect(contrast(luminance(index), 1)).toBeGreaterThan(3.5);
  });
});
