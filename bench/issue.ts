// Certificates a second for a fleet, against the raw limit, by turns in the same run. `npm run bench -- issue [NODES] [ROUNDS]`.
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pipeline } from './pipeline.ts';
import { rawLimit } from './raw-limit.ts';
import { Home, inventory, median, timed } from './support.ts';

interface Rate {
  perSecond: number;
  /** MiB at most, of a whole process. */
  memory?: number;
}

const [first = '10000', ...more] = process.argv.slice(2);

// Each measurement is a process of its own: none finds compiled code that another one left.
if (first === 'raw') console.log(await rawLimit(Number(more[0])));
else if (first === 'pipeline') console.log(await pipeline(more[1] as string, Number(more[0])));
else await compare(Number(first), Number(more[0] ?? 5));

async function compare(nodes: number, rounds: number): Promise<void> {
  const certificates = 2 * nodes;
  const home = new Home('passphrase');
  const file = join(home.path, 'cluster.yaml');
  writeFileSync(file, inventory(nodes));
  const issue = (name: string, out: string) => whole(home, name, join(home.path, out), file, certificates);
  const contestants: [what: string, run: (round: number) => Promise<Rate>][] = [
    ['the pipeline: keys, lint, log, durable', async (i) => alone('pipeline', nodes, join(home.path, `pipeline-${i}`))],
    ['the whole process, --out FILE.tar', (i) => issue(`archive-${i}`, 'all.tar')],
    [`the whole process, ${3 * certificates} files`, (i) => issue(`directory-${i}`, 'out')],
  ];
  const raw: number[] = [];
  const rates = contestants.map((): (Rate & { ofRaw: number })[] => []);
  try {
    raw.push(alone('raw', certificates).perSecond);
    for (let round = 0; round < rounds; round++)
      for (const [i, [, run]] of contestants.entries()) {
        const rate = await run(round);
        const before = raw.at(-1) as number;
        const after = alone('raw', certificates).perSecond;
        raw.push(after);
        rates[i]?.push({ ...rate, ofRaw: (2 * rate.perSecond) / (before + after) });
      }
  } finally {
    home.remove();
  }
  print(
    'raw limit: key + signature, two threads',
    raw.map((perSecond) => ({ perSecond, ofRaw: 1 })),
  );
  for (const [i, [what]] of contestants.entries()) print(what, rates[i] ?? []);
}

/** One measurement in a process of its own, when what was written before it is on the disk. */
function alone(what: string, count: number, ...args: string[]): Rate {
  execFileSync('sync');
  const self = fileURLToPath(import.meta.url);
  return { perSecond: Number(execFileSync(process.execPath, [self, what, String(count), ...args])) };
}

async function whole(home: Home, name: string, out: string, inventory: string, certificates: number): Promise<Rate> {
  const env = home.env(name);
  await timed(['init', 'orders'], env);
  execFileSync('sync');
  const { seconds, memory } = await timed(['issue', '--inventory', inventory, '--out', out, '--json'], env);
  rmSync(out, { recursive: true, force: true });
  return { perSecond: certificates / seconds, memory };
}

function print(what: string, rates: (Rate & { ofRaw: number })[]): void {
  const perSecond = median(rates.map((rate) => rate.perSecond));
  const ofRaw = rates.map((rate) => rate.ofRaw).sort((a, b) => a - b);
  const memory = Math.max(...rates.map((rate) => rate.memory ?? 0));
  console.log(
    `${what.padEnd(40)} ${perSecond.toFixed(0).padStart(7)} a second   ${median(ofRaw).toFixed(2)} of the raw limit (${ofRaw[0]?.toFixed(2)} to ${ofRaw.at(-1)?.toFixed(2)})${memory > 0 ? `, ${memory.toFixed(0)} MiB` : ''}`,
  );
}
