import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CLUSTER_CA, run } from '../support/cli.ts';
import { newPlace } from '../support/clusters.ts';

/** A fenced block of a page: `sh`, `yaml .gitlab-ci.yml`. */
export interface Block {
  language: string;
  /** What stands behind the language: a file's name, by which tests find the block. */
  name: string;
  content: string;
}

/** A command of a `console` block with what the page says that it prints. */
export interface Shown {
  command: string;
  output: string[];
}

/** The text of a page in docs/. */
export function page(name: string): Promise<string> {
  return readFile(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
}

export function blocks(markdown: string): Block[] {
  const found = markdown.matchAll(/^```(\w+) ?([^\n]*)\n(.*?)^```$/gms);
  return [...found].map(([, language = '', name = '', content = '']) => ({ language, name, content }));
}

/** The commands of every `console` block, in their order: lines behind `$ `, each followed by its output. */
export function consoleCommands(markdown: string): Shown[] {
  const shown: Shown[] = [];
  for (const { language, content } of blocks(markdown)) {
    if (language !== 'console') continue;
    for (const line of content.trimEnd().split('\n'))
      if (line.startsWith('$ ')) shown.push({ command: line.slice(2), output: [] });
      else shown.at(-1)?.output.push(line);
  }
  return shown;
}

/** A directory of its own with `cluster-ca` on the path, and a shell that runs in it. Call it at a test file's top level. */
export async function newShell(name: string) {
  const place = await newPlace(name);
  const work = await place.dir('work');
  const bin = await place.dir('bin');
  await symlink(CLUSTER_CA, join(bin, 'cluster-ca'));
  const env = { ...place.env, PATH: `${bin}:${dirname(process.execPath)}:${process.env.PATH}`, LC_ALL: 'C.UTF-8' };
  return {
    work,
    bin,
    env,
    place,
    /** Runs a script with `bash -e` in the directory. */
    bash: (script: string, more: Record<string, string> = {}) =>
      run('bash', ['-ec', script], { cwd: work, env: { ...env, ...more } }),
  };
}

/** Runs commands one behind the other in one shell, as somebody who follows the page does. @returns what each printed */
export async function follow(shell: Awaited<ReturnType<typeof newShell>>, commands: string[]): Promise<string[]> {
  const out = join(shell.work, '..', 'printed');
  await mkdir(out, { recursive: true });
  const script = commands.map((command, i) => {
    const path = join(out, String(i));
    return `{ ${command}\n} >'${path}' 2>&1 </dev/null; code=$?; [ $code = 0 ] || echo "[exit $code]" >>'${path}'\n`;
  });
  await writeFile(join(out, 'script'), script.join(''));
  await run('bash', [join(out, 'script')], { cwd: shell.work, env: shell.env, timeout: 240_000 });
  return Promise.all(commands.map((_, i) => readFile(join(out, String(i)), 'utf8')));
}

/** What a page shows as a pattern: a line of `…` is any number of lines, and elsewhere `…` is any text in a line. */
export function pattern(output: readonly string[]): RegExp {
  const lines = output.map((line) => {
    if (line === '…') return '(?:[^\\n]*\\n)*?';
    const parts = line.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return `${parts.join('[^\\n]*')} *\\n`;
  });
  return new RegExp(`^${lines.join('')}$`);
}
