// Full TLS handshakes with a server, one after the other, until standard input ends; then how many, and why some failed.
// A process of its own: in that of the test they would fall into step with what the test does.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, createSecureContext } from 'node:tls';

/** Hundreds a second, and no more on a faster machine. */
const APART = 4;

const [port, directory] = process.argv.slice(2);
const [ca, cert, key] = ['ca', 'cert', 'key'].map((name) => readFileSync(join(directory, `${name}.pem`)));
const secureContext = createSecureContext({ ca, cert, key });
let going = true;
process.stdin.resume().on('end', () => {
  going = false;
});
const counted = { handshakes: 0, failures: [] };

while (going) {
  const next = sleep(APART);
  await new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), secureContext });
    socket.on('secureConnect', () => socket.destroy());
    socket.on('error', (error) => counted.failures.push(error.code ?? String(error)));
    socket.on('close', resolve);
  });
  // Whoever waits for the first knows that it has begun.
  if (++counted.handshakes === 1) process.stdout.write('\n');
  await next;
}
process.stdout.write(JSON.stringify(counted));
