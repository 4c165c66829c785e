import type { ChildProcess } from 'node:child_process';
import type { Executed, Limits } from './execution.ts';
import { Framed } from './framed.ts';

/** Milliseconds that a session may take to end when its script has. */
const LEAVING = 200;

/**
 * Follows a script that runs in a session of its own, to its end marks.
 * @param input standard input, one after the other
 * @returns instead, when it was cut off: what was said before it began
 */
export async function followSession(
  child: ChildProcess,
  mark: string,
  input: readonly Uint8Array[],
  { timeout, most, held = false }: Limits,
): Promise<Executed | { cutOff: string } | 'late'> {
  const [stdout, stderr] = [new Framed(mark, most), new Framed(mark, most)];
  child.stdin?.on('error', () => {});
  for (const part of input) child.stdin?.write(part);
  if (!held) child.stdin?.end();
  const outcome = await new Promise<'whole' | 'cut off' | 'late'>((resolve) => {
    const timer = setTimeout(() => resolve('late'), timeout);
    const end = (result: 'whole' | 'cut off'): void => {
      clearTimeout(timer);
      resolve(result);
    };
    const hear = (framed: Framed) => (chunk: Buffer) => {
      framed.push(chunk);
      if (stdout.word !== undefined && stderr.word !== undefined) end('whole');
    };
    child.stdout?.on('data', hear(stdout));
    child.stderr?.on('data', hear(stderr));
    child.once('error', () => end('cut off'));
    child.once('close', () => end('cut off'));
  });
  if (outcome === 'whole') {
    child.stdin?.end();
    // A daemon that the script has started may hold the session open.
    setTimeout(() => child.kill(), LEAVING).unref();
    return { status: stdout.word as string, stdout: stdout.content, stderr: stderr.content.toString('utf8') };
  }
  child.kill('SIGKILL');
  return outcome === 'late' ? 'late' : { cutOff: stderr.noise };
}
