import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

export interface Import {
  /** The importing file, relative to the checkout. */
  from: string;
  /** A file relative to the checkout, or a package as it is written. */
  to: string;
  kind: 'static' | 'dynamic' | 'type';
}

export interface Source {
  path: string;
  /** Without comments; texts are left in. */
  code: string;
  imports: Import[];
}

/** Every TypeScript source below src/, and what it imports. */
export function readSources(): Source[] {
  return (readdirSync(join(ROOT, 'src'), { recursive: true }) as string[])
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .sort()
    .map((name) => readSource(`src/${name}`));
}

export function readSource(path: string): Source {
  const code = withoutComments(readFileSync(join(ROOT, path), 'utf8'));
  const imports: Import[] = [];
  const add = (specifier: string, kind: Import['kind']): void => {
    imports.push({ from: path, to: resolveFrom(path, specifier), kind });
  };
  for (const [, typeOnly, clause, specifier] of code.matchAll(
    /^\s*(?:import|export)\s+(type\s+)?((?:[\w*$\s,]|\{[^}]*\})*?)\s*from\s*'([^']+)'/gm,
  ))
    add(specifier as string, typeOnly !== undefined || isTypesOnly(clause as string) ? 'type' : 'static');
  for (const [, specifier] of code.matchAll(/^\s*import\s+'([^']+)'/gm)) add(specifier as string, 'static');
  for (const [, typed, specifier] of code.matchAll(/(typeof\s+)?\bimport\(\s*'([^']+)'\s*\)/g))
    add(specifier as string, typed === undefined ? 'dynamic' : 'type');
  return { path, code, imports };
}

/** `{ type A, type B }`: nothing of it is left when the types are stripped. */
function isTypesOnly(clause: string): boolean {
  const names = /^\{([^}]*)\}$/
    .exec(clause.trim())?.[1]
    ?.split(',')
    .map((name) => name.trim());
  return names?.filter((name) => name !== '').every((name) => name.startsWith('type ')) ?? false;
}

function resolveFrom(path: string, specifier: string): string {
  return specifier.startsWith('.') ? relative(ROOT, join(ROOT, dirname(path), specifier)) : specifier;
}

/** Comments become spaces. A text may hold `//` or quotes: it is stepped over, and so are regular expressions. */
function withoutComments(source: string): string {
  const token =
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?<=[=(,:;!&|?[{}\n]\s*)\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/g;
  return source.replace(token, (match) => (/^\/[/*]/.test(match) ? match.replace(/[^\n]/g, ' ') : match));
}

/** What is loaded when one file is: static imports, followed. Packages are in it as they are written. */
export function reachable(start: string, sources: ReadonlyMap<string, Source>): Map<string, string[]> {
  const paths = new Map([[start, [start]]]);
  const queue = [start];
  for (let at = queue.shift(); at !== undefined; at = queue.shift())
    for (const { to, kind } of sources.get(at)?.imports ?? []) {
      if (kind !== 'static' || paths.has(to)) continue;
      paths.set(to, [...(paths.get(at) as string[]), to]);
      queue.push(to);
    }
  return paths;
}

export function exists(path: string): boolean {
  return existsSync(join(ROOT, path));
}
