// The same commands on a keystore of 100 and of 100,000 certificates, in pairs. `npm run bench -- scale [CERTIFICATES]`.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Home, inventory, median, timed } from './support.ts';

const LARGE = Number(process.argv[2] ?? 100_000);
const NODES = Math.min(10_000, LARGE / 2);
const PAIRS = 5;
const home = new Home();

const COMMANDS: [what: string, args: (i: number) => string[]][] = [
  ['list NODE', () => ['list', 'redis-7']],
  ['status', () => ['status']],
  ['inspect NODE', () => ['inspect', 'redis-7']],
  ['issue NODE', () => ['issue', 'redis-7', '--force-new', '--out', join(home.path, 'out')]],
  ['revoke NODE', (i) => ['revoke', `redis-${10 + i}`, '--yes']],
  ['crl', () => ['crl']],
];

try {
  await fill('small', 50, 1);
  const rounds = Math.ceil(LARGE / (2 * NODES));
  const made = await fill('large', NODES, rounds);
  console.log(`made ${2 * NODES * rounds} certificates in ${made.toFixed(0)} s`);
  for (const [what, args] of COMMANDS) await compare(what, args);
  const audit = await timed(['audit', 'verify'], home.env('large'));
  console.log(
    `${'audit verify'.padEnd(14)} ${audit.seconds.toFixed(1)} s, ${audit.memory.toFixed(0)} MiB, of the large one`,
  );
} finally {
  home.remove();
}

async function fill(name: string, nodes: number, rounds: number): Promise<number> {
  const env = home.env(name);
  const file = join(home.path, `${name}.yaml`);
  writeFileSync(file, inventory(nodes));
  await timed(['init', 'orders'], env);
  let seconds = (await timed(['issue', '--inventory', file, '--out', join(home.path, `${name}.tar`), '--json'], env))
    .seconds;
  for (let i = 1; i < rounds; i++)
    seconds += (await timed(['rotate', '--all', '--out', join(home.path, `${name}-${i}.tar`), '--json'], env)).seconds;
  return seconds;
}

async function compare(what: string, args: (i: number) => string[]): Promise<void> {
  const ratios: number[] = [];
  let memory = 0;
  let seconds = 0;
  for (let i = 0; i < PAIRS; i++) {
    const small = await timed(args(i), home.env('small'), [0, 4]);
    const large = await timed(args(i), home.env('large'), [0, 4]);
    ratios.push(large.seconds / small.seconds);
    memory = Math.max(memory, large.memory);
    seconds = large.seconds;
  }
  console.log(
    `${what.padEnd(14)} ${median(ratios).toFixed(2)} × the small one   (${(1000 * seconds).toFixed(0)} ms, ${memory.toFixed(0)} MiB)`,
  );
}
