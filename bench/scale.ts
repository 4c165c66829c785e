// The same commands on a keystore of 100 and of 100,000 certificates, by turns; then those that look at all of it.
// `npm run bench -- scale [CERTIFICATES]`
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Home, inventory, median, type Timed, timed } from './support.ts';

const LARGE = Number(process.argv[2] ?? 100_000);
const NODES = Math.min(10_000, LARGE / 2);
const PAIRS = 5;
const home = new Home();
const file = (name: string) => join(home.path, name);

/** What asks for or changes a little: it should cost the same whatever is there. */
const FLAT: [what: string, args: (i: number, keystore: string) => string[]][] = [
  ['list NODE', () => ['list', 'redis-7']],
  ['status', () => ['status']],
  ['inspect NODE', () => ['inspect', 'redis-7']],
  ['issue NODE', (_, keystore) => ['issue', 'redis-7', '--force-new', '--out', file(`${keystore}-out`)]],
  ['revoke NODE', (i) => ['revoke', `redis-${10 + i}`, '--yes']],
  ['crl', () => ['crl']],
];

/** What looks at every certificate. */
const WHOLE: [what: string, args: string[]][] = [
  ['audit verify', ['audit', 'verify']],
  ['keystore check', ['keystore', 'check']],
  ['list --all --json', ['list', '--all', '--json']],
  ['keystore backup', ['keystore', 'backup', '--out', file('backup'), '--new-key-file', file('backup-key')]],
];

try {
  await fill('small', 50, 1);
  const rounds = Math.ceil(LARGE / (2 * NODES));
  const made = await fill('large', NODES, rounds);
  print(`${2 * NODES * rounds} made`, `${rounds} fleets of ${2 * NODES}, ${made.seconds.toFixed(0)} s`, made.memory);
  for (const [what, args] of FLAT) await compare(what, args);
  for (const [what, args] of WHOLE) {
    const { seconds, memory } = await timed(args, home.env('large'));
    print(what, `${seconds.toFixed(1)} s`, memory);
  }
  const env = { ...home.env('restored'), HOME: file('restored-home'), CLUSTER_CA_KEY_FILE: file('backup-key') };
  const { seconds, memory } = await timed(['keystore', 'restore', file('backup')], env);
  print('keystore restore', `${seconds.toFixed(1)} s`, memory);
} finally {
  home.remove();
}

/** A fleet, and the same again by rotation. */
async function fill(name: string, nodes: number, rounds: number): Promise<Timed> {
  const env = home.env(name);
  writeFileSync(file(`${name}.yaml`), inventory(nodes));
  await timed(['init', 'orders'], env);
  const runs: Timed[] = [];
  for (let i = 0; i < rounds; i++) {
    const what = i === 0 ? ['issue', '--inventory', file(`${name}.yaml`)] : ['rotate', '--all'];
    runs.push(await timed([...what, '--out', file('fleet.tar'), '--json'], env));
    rmSync(file('fleet.tar'));
  }
  return {
    seconds: runs.reduce((sum, run) => sum + run.seconds, 0),
    memory: Math.max(...runs.map((run) => run.memory)),
    stdout: '',
  };
}

async function compare(what: string, args: (i: number, keystore: string) => string[]): Promise<void> {
  const ratios: number[] = [];
  let memory = 0;
  let last = 0;
  for (let i = 0; i < PAIRS; i++) {
    const small = await timed(args(i, 'small'), home.env('small'), [0, 4]);
    const large = await timed(args(i, 'large'), home.env('large'), [0, 4]);
    ratios.push(large.seconds / small.seconds);
    memory = Math.max(memory, large.memory);
    last = large.seconds;
  }
  print(what, `${median(ratios).toFixed(2)} × that of 100 certificates (${(1000 * last).toFixed(0)} ms)`, memory);
}

function print(what: string, measured: string, memory: number): void {
  console.log(`${what.padEnd(18)} ${measured}, ${memory.toFixed(0)} MiB`);
}
