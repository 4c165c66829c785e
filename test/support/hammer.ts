import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('./handshakes.mjs', import.meta.url));

export interface Hammered {
  handshakes: number;
  /** Codes of the errors. */
  failures: string[];
}

/** Does something while a process of its own makes handshakes with a server, hundreds a second. @param files the client's */
export async function whileHammered(port: number, files: string, work: () => Promise<void>): Promise<Hammered> {
  const child: ChildProcess = spawn(process.execPath, [SCRIPT, String(port), files], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const ended = once(child, 'close');
  try {
    if (child.stdout) await once(child.stdout, 'data');
    await work();
    child.stdin?.end();
    await ended;
    return JSON.parse(output);
  } finally {
    child.kill('SIGKILL');
  }
}
