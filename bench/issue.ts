// Certificates a second for a fleet, against the raw limit of the same run. `npm run bench -- issue [NODES]`.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from './pipeline.ts';
import { rawLimit } from './raw-limit.ts';
import { Home, inventory, timed } from './support.ts';

const nodes = Number(process.argv[2] ?? 10_000);
const certificates = 2 * nodes;
const home = new Home();

try {
  const file = join(home.path, 'cluster.yaml');
  writeFileSync(file, inventory(nodes));
  const raw = await rawLimit(certificates);
  print('raw limit: key + signature, two threads', raw, raw);
  print('the pipeline: keys, lint, log, durable', await pipeline(join(home.path, 'pipeline'), nodes), raw);
  print('the whole process, --out FILE.tar', await whole('archive', join(home.path, 'all.tar'), file), raw);
  print(`the whole process, ${3 * certificates} files`, await whole('directory', join(home.path, 'out'), file), raw);
  const again = await rawLimit(certificates);
  print('raw limit, measured again', again, raw);
} finally {
  home.remove();
}

async function whole(name: string, out: string, file: string): Promise<number> {
  const env = home.env(name);
  await timed(['init', 'orders'], env);
  const { seconds } = await timed(['issue', '--inventory', file, '--out', out, '--json'], env);
  rmSync(out, { recursive: true, force: true });
  return certificates / seconds;
}

function print(what: string, perSecond: number, raw: number): void {
  console.log(
    `${what.padEnd(42)} ${perSecond.toFixed(0).padStart(7)} a second   ${(perSecond / raw).toFixed(2)} of the raw limit`,
  );
}
