import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { exists, type Import, ROOT, reachable, readSource, readSources } from './imports.ts';

// docs/design.md §3, enforced: bin → main → commands | server → use cases → keystore → crypto, pki → errors.

const sources = readSources();
const byPath = new Map(sources.map((source) => [source.path, source]));
const imports = sources.flatMap((source) => source.imports);
const show = ({ from, to }: Import): string => `${from} → ${to}`;

/** The part of the program that a file of src/ belongs to; use cases have a directory each. */
function part(path: string): string {
  // The phases are the words of log records: below the keystore, as the rest of src/rollover is not.
  if (path === 'src/rollover/phase.ts') return 'phase';
  const [, first = ''] = path.split('/');
  return first.endsWith('.ts') ? first.slice(0, -3) : first;
}

/** What each lower part may import, besides itself. Everything not named here is a use case, or above. */
const LOWER: Record<string, string[]> = {
  errors: [],
  version: [],
  values: ['errors'],
  pki: ['errors'],
  phase: [],
  crypto: ['errors', 'pki'],
  keystore: ['errors', 'pki', 'phase', 'crypto'],
  ui: ['errors', 'values'],
};
/** What stands above the use cases, from the top. */
const UPPER = ['main', 'commands', 'server'];
const isUseCase = (name: string): boolean => LOWER[name] === undefined && !UPPER.includes(name);
const inSource = imports.filter(({ to }) => to.startsWith('src/'));

describe('imports run one way', () => {
  test('there is something to look at, and every relative import leads to a file', () => {
    expect(sources.length).toBeGreaterThan(150);
    expect(inSource.length).toBeGreaterThan(500);
    expect(inSource.filter(({ to }) => !exists(to)).map(show)).toEqual([]);
  });

  test.each(Object.keys(LOWER))('%s imports only what lies below it', (name) => {
    const allowed = [name, ...(LOWER[name] as string[])];
    expect(inSource.filter(({ from, to }) => part(from) === name && !allowed.includes(part(to))).map(show)).toEqual([]);
  });

  test('use cases import neither commands, server nor main', () => {
    const wrong = inSource.filter(({ from, to }) => isUseCase(part(from)) && UPPER.includes(part(to)));
    expect(wrong.map(show)).toEqual([]);
  });

  test('commands and server do not know each other, nor main', () => {
    const wrong = inSource.filter(({ from, to }) => {
      const [above, below] = [UPPER.indexOf(part(from)), UPPER.indexOf(part(to))];
      return above >= 0 && below >= 0 && part(from) !== part(to) && (below < above || part(from) === 'commands');
    });
    expect(wrong.map(show)).toEqual([]);
  });

  test('bin holds nothing but the call of main', () => {
    for (const name of readdirSync(join(ROOT, 'bin'))) {
      const code = readFileSync(join(ROOT, 'bin', name), 'utf8');
      expect([name, code.split('\n').length <= 40, /from '\.\.\/src\/(?!main)/.test(code)]).toEqual([
        name,
        true,
        false,
      ]);
    }
  });

  test('no file imports itself by way of others, types included', () => {
    const done = new Set<string>();
    const circles: string[] = [];
    const follow = (path: string, above: readonly string[]): void => {
      if (above.includes(path)) circles.push([...above.slice(above.indexOf(path)), path].join(' → '));
      if (above.includes(path) || done.has(path)) return;
      for (const { to, kind } of byPath.get(path)?.imports ?? []) if (kind !== 'dynamic') follow(to, [...above, path]);
      done.add(path);
    };
    for (const path of byPath.keys()) follow(path, []);
    expect(circles).toEqual([]);
  });

  test('nothing goes round in a circle between parts below the use cases', () => {
    const below = inSource.filter(({ from, to }) => LOWER[part(from)] && LOWER[part(to)] && part(from) !== part(to));
    const edges = new Set(below.map(({ from, to }) => `${part(from)} ${part(to)}`));
    const back = [...edges].filter((edge) => edges.has(edge.split(' ').reverse().join(' ')));
    expect(back).toEqual([]);
  });
});

describe('src/pki, the rules of src/alerts and the planner of rollovers are pure', () => {
  const isSink = (path: string): boolean => path.startsWith('src/alerts/sinks/');
  const isPlanner = (path: string): boolean => /^src\/rollover\/(phase\.ts$|planning\/)/.test(path);
  const pure = sources.filter(
    ({ path }) => (['pki', 'alerts'].includes(part(path)) && !isSink(path)) || isPlanner(path),
  );

  test('the rules of alerts do not know whom they are told to', () => {
    const found = pure.flatMap((source) => source.imports).filter(({ to }) => isSink(to));
    expect(found.map(show)).toEqual([]);
  });

  test('it imports no node:* and no package with I/O', () => {
    const packages = pure.flatMap((source) => source.imports).filter(({ to }) => !to.startsWith('src/'));
    expect(packages.filter(({ to }) => to !== 'ipaddr.js').map(show)).toEqual([]);
  });

  test.each([
    ['process', /(?<![.\w'-])process(?=\s*[.[])/],
    ['Date.now', /\bDate\s*\.\s*now\b/],
    ['new Date()', /\bnew\s+Date\s*(?:\(\s*\)|(?![\s\w(]))/],
    ['Date()', /(?<!new\s)(?<![.\w])Date\s*\(\s*\)/],
    ['Math.random', /\bMath\s*\.\s*random\b/],
    ['performance', /(?<![.\w])performance\s*\./],
    ['globalThis', /\bglobalThis\b/],
    ['Buffer', /(?<![.\w'])Buffer\b/],
    ['console', /(?<![.\w])console\s*\./],
    ['setTimeout', /\bset(?:Timeout|Interval|Immediate)\b/],
    ['eval', /\beval\s*\(|\bnew\s+Function\b/],
  ])('without %s', (_, expression) => {
    expect(pure.filter(({ code }) => expression.test(code)).map(({ path }) => path)).toEqual([]);
  });

  test('without the global crypto: whoever says crypto was handed it', () => {
    const wrong = pure.filter(
      ({ code }) => /(?<![.\w])crypto\s*\./.test(code) && !/\bcrypto\s*:\s*Crypto\b/.test(code),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });
});

describe('each library has its place', () => {
  test.each<[string, RegExp, RegExp]>([
    ['chalk and inquirer: src/ui', /^(chalk|inquirer|@inquirer\/.*)$/, /^src\/ui\//],
    ['commander: src/commands and main', /^commander$/, /^src\/(commands\/|main\.ts$)/],
    ['node:crypto: src/crypto', /^(node:)?crypto$/, /^src\/crypto\//],
    ['nodemailer: src/alerts/sinks', /^nodemailer(\/|$)/, /^src\/alerts\/sinks\//],
    ['@peculiar/webcrypto: src/crypto', /^@peculiar\/webcrypto$/, /^src\/crypto\//],
    ['node:fs is written with its prefix', /^(fs|path|os|child_process|net|tls|http|https|stream|util)(\/|$)/, /^$/],
  ])('%s', (_, library, place) => {
    const wrong = imports.filter(({ from, to, kind }) => kind !== 'type' && library.test(to) && !place.test(from));
    expect(wrong.map(show)).toEqual([]);
  });

  // docs/design.md "How it ends": an exit code is returned, up to bin/, which sets it. Ctrl-C alone ends the process.
  test('process.exit is nowhere but in the answer to Ctrl-C', () => {
    const ends = /\bprocess\s*\.\s*(exit|reallyExit|abort)\b(?!Code)/g;
    const found = sources.flatMap(({ path, code }) => [...code.matchAll(ends)].map(([text]) => `${path}: ${text}`));
    expect(found).toEqual(['src/ui/interrupt.ts: process.exit']);
    const { code } = readSource('src/ui/interrupt.ts');
    expect(code).toMatch(/process\.once\('SIGINT', \(\) => \{[^}]*\}[^}]*process\.exit\(130\);\s*\}\);/);
    for (const name of readdirSync(join(ROOT, 'bin')))
      expect([name, readFileSync(join(ROOT, 'bin', name), 'utf8').match(/process\.exit\b(?!Code)/)]).toEqual([
        name,
        null,
      ]);
  });

  test('the core has no file descriptors, environment or argument list of its own', () => {
    const below = sources.filter(({ path }) => ['keystore', 'crypto', 'pki', 'values'].includes(part(path)));
    const wrong = below.filter(({ code }) => /\bprocess\s*\.\s*(env|argv|stdin|stdout|stderr|cwd)\b/.test(code));
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });
});

describe('reading verbs start without the libraries that make certificates and send mail', () => {
  test.each([
    'src/main.ts',
    ...['list', 'status', 'inspect', 'verify', 'audit', 'crl'].map((verb) => `src/commands/${verb}.ts`),
    ...['check', 'slot'].map((verb) => `src/commands/keystore/${verb}.ts`),
    ...['reading', 'checking'].map((entry) => `src/commands/${entry}.ts`),
  ])('%s', (start) => {
    expect(exists(start)).toBe(true);
    const found = [...reachable(start, byPath)].filter(([to]) => /^(@peculiar\/|reflect-metadata|nodemailer)/.test(to));
    expect(found.map(([, path]) => path.join(' → '))).toEqual([]);
  });
});

test('the reader of imports sees what there is', () => {
  const seen = readSource('src/crypto/webcrypto.ts').imports;
  expect(seen.map(({ to, kind }) => [to, kind])).toEqual(
    expect.arrayContaining([
      ['src/pki/serial.ts', 'type'],
      ['@peculiar/webcrypto', 'dynamic'],
    ]),
  );
  expect(readSource('src/authority/second-opinion.ts').imports.map(({ to, kind }) => [to, kind])).toEqual(
    expect.arrayContaining([
      ['reflect-metadata', 'static'],
      ['@peculiar/x509', 'static'],
    ]),
  );
});
