import { spawn } from 'node:child_process';
import { mkdtemp, readFile, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { run } from '../support/cli.ts';
import type { Block, Shown } from './console.ts';

// A page followed on a terminal of 80 columns, by somebody whose home is /home/operator. The home of the run is as long,
// so that lines break where they break on the page.
const HOME = '/home/operator';

/** Somebody's machine: an empty home, and an ordinary user, also when root runs the tests. */
export interface Person {
  home: string;
  uid: number | undefined;
}

export async function newPerson(): Promise<Person> {
  const home = await mkdtemp(join(await realpath('/tmp'), 'ca-'));
  afterAll(() => run('rm', ['-rf', home]));
  const uid = process.getuid?.() === 0 ? 65_534 : undefined;
  if (uid !== undefined) await run('chown', [`${uid}:${uid}`, home]);
  return { home, uid };
}

/** What a page tells to do, in its order: commands, and files to write before the next one. */
export type Step = { file: string; content: string } | (Shown & { block: string });

/** @throws for a block that would be neither run nor written */
export function steps(found: readonly Block[]): Step[] {
  return found.flatMap(({ language, name, content }): Step[] => {
    if (language === 'sh')
      return content
        .trimEnd()
        .split('\n')
        .map((command) => ({ command, output: [], block: 'sh' }));
    if (language === 'console') return commands(content, name);
    if (name === '') throw new Error(`a block of ${language} is neither a command nor a file: ${content}`);
    return [{ file: name, content }];
  });
}

function commands(content: string, block: string): (Shown & { block: string })[] {
  const shown: (Shown & { block: string })[] = [];
  for (const line of content.trimEnd().split('\n'))
    if (line.startsWith('$ ')) shown.push({ command: line.slice(2), output: [], block });
    else shown.at(-1)?.output.push(line);
  return shown;
}

const MARK = '@@step ';

/**
 * Does it all in one shell on a terminal without colour.
 * @param path what stands before the system's programs
 * @returns what each command printed, `[exit N]` behind it when it failed
 */
export async function followOnTerminal(todo: readonly Step[], person: Person, path: string): Promise<string[]> {
  const script = todo.map((step) =>
    'file' in step
      ? `cat >'${step.file}' <<'@@END'\n${step.content.replaceAll(HOME, person.home)}@@END\n`
      : `echo '${MARK}'\n${step.command}\ncode=$?; [ $code = 0 ] || echo "[exit $code]"\n`,
  );
  const file = join(person.home, '.follow');
  await writeFile(file, `exec </dev/null\n${script.join('')}`);
  const typescript = await onTerminal(`bash ${file}`, person, path);
  return typescript.split(`${MARK}\n`).slice(1);
}

function onTerminal(command: string, { home, uid }: Person, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('script', ['-qec', command, join(home, '.typescript')], {
      cwd: home,
      env: { HOME: home, PATH: path, TERM: 'dumb', LC_ALL: 'C.UTF-8', SHELL: '/bin/bash' },
      stdio: 'ignore',
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), 150_000);
    child.on('error', reject);
    child.on('close', async () => {
      clearTimeout(timer);
      const text = (await readFile(join(home, '.typescript'), 'utf8')).replaceAll('\r\n', '\n');
      // script's own first and last line.
      resolve(text.replace(/^Script started .*\n/, '').replace(/\n?Script done .*\n?$/, ''));
    });
  });
}

/** A text as whoever's home is that of the page would have got it. */
export function asOperator(text: string, home: string): string {
  return text.replaceAll(home, HOME).replace(/only \S+ can read the key/g, 'only operator can read the key');
}

/**
 * A text without what is different each time: times, serial numbers, hashes and CRL numbers become as many `#`, and how
 * many connections of its bus a Redis has at the moment.
 */
export function normalise(text: string): string {
  return (
    text
      .replace(/\b\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?Z)?/g, (time) => '#'.repeat(time.length))
      // A hash in base64: the tree of `audit verify`.
      .replace(/(?<= )[A-Za-z0-9+/]{43}=/g, (hash) => '#'.repeat(hash.length))
      .replace(/\b(now|\d+ (second|minute)s? ago)(?=\)?$)/gm, '#')
      .replace(/(?<=records +|head +)\d+/g, '#')
      .replace(/\d+ cluster bus links?/g, '# cluster bus links')
      .replace(/\b[0-9a-f]{8,64}\b/g, (hex) => '#'.repeat(hex.length))
  );
}
