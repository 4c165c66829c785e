import { spawn, spawnSync } from 'node:child_process';
import { CLUSTER_CA } from '../support/cli.ts';

/** Whether a terminal can be had: `script` of util-linux. */
export const hasTerminal = spawnSync('script', ['-qec', 'exit 0', '/dev/null'], { stdio: 'ignore' }).status === 0;
if (!hasTerminal) console.warn('skipped: script(1) of util-linux is missing, so no terminal can be had');

export interface Session {
  code: number | null;
  /** All that the terminal showed, stdout and stderr as one. */
  screen: string;
}

const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** Runs the tool on a terminal; each answer is typed when the screen shows what it waits for. */
export function onTerminal(
  args: string[],
  options: { env: Record<string, string>; cwd: string; answers?: [wait: RegExp, type: string][] },
): Promise<Session> {
  const command = [process.execPath, CLUSTER_CA, ...args].map(quote).join(' ');
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    cwd: options.cwd,
    env: { PATH: process.env.PATH, TERM: 'xterm-256color', LC_ALL: 'C.UTF-8', SHELL: '/bin/sh', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const answers = [...(options.answers ?? [])];
  let screen = '';
  let seen = 0;
  child.stdin.on('error', () => {});
  const onData = (chunk: Buffer): void => {
    screen += chunk.toString();
    const [next] = answers;
    const found = next?.[0].exec(screen.slice(seen));
    if (!next || !found) return;
    answers.shift();
    seen = screen.length;
    // The prompt is on the screen before the echo is off, by a moment.
    setTimeout(() => child.stdin.write(next[1]), 300);
  };
  child.stdout.on('data', onData);
  child.stderr.on('data', onData);
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, screen });
    });
  });
}
