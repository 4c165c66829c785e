import { misbehaved, timedOut } from '../endpoint/failure.ts';
import type { Host } from '../hosts/host.ts';

const MOST = 16 << 20;

/**
 * One command over HAProxy's stats socket or master socket, which answers and closes. It has no exit status: the
 * answer is to be read.
 * @param payload what `<<` announces, without an empty line in it
 * @throws ERR_REMOTE, ERR_TIMEOUT
 */
export async function askHaProxy(
  host: Host,
  socket: string,
  command: string,
  timeout: number,
  payload?: string,
): Promise<string> {
  const stream = await host.connect(socket);
  const what = command.split(' ').slice(0, 3).join(' ');
  return new Promise((resolve, reject) => {
    let answer = '';
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      stream.removeAllListeners().on('error', () => {});
      stream.destroy();
      settle();
    };
    const timer = setTimeout(() => end(() => reject(timedOut(socket, `answer "${what}"`, timeout))), timeout);
    stream.on('data', (chunk: Buffer) => {
      answer += chunk.toString('utf8');
      if (answer.length > MOST) end(() => reject(misbehaved(socket, 'answers without end')));
    });
    stream.on('error', () => end(() => reject(misbehaved(socket, `closed before it answered "${what}"`))));
    for (const event of ['end', 'close']) stream.on(event, () => end(() => resolve(answer)));
    stream.end(payload === undefined ? `${command}\n` : `${command} <<\n${payload}\n\n`);
  });
}

/** A name as the command line of the socket takes it. */
export function escapeName(name: string): string {
  return name.replace(/[\\ ;]/g, '\\$&');
}
