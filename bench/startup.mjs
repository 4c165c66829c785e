// Start-up of the command line against `node -e 0`, in pairs: `npm run bench:startup`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const RUNS = Number(process.argv[2] ?? 21);
const CLUSTER_CA = fileURLToPath(new URL('../bin/cluster-ca', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'cluster-ca-bench-'));
const env = {
  PATH: process.env.PATH,
  HOME: home,
  CLUSTER_CA_KEYSTORE: join(home, 'keystore'),
  CLUSTER_CA_KEY_FILE: join(home, 'key'),
};

function run(args) {
  const before = process.hrtime.bigint();
  const { status, stderr } = spawnSync(process.execPath, args, { env });
  if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
  return Number(process.hrtime.bigint() - before) / 1e6;
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

function compare(name, args) {
  const ratios = [];
  const times = [];
  for (let i = 0; i < RUNS; i++) {
    const base = run(['-e', '0']);
    const time = run(args);
    times.push(time);
    ratios.push(time / base);
  }
  console.log(
    `${name.padEnd(24)} ${median(ratios).toFixed(2)} × node -e 0   (median of ${RUNS} pairs, ${median(times).toFixed(0)} ms)`,
  );
}

try {
  run([CLUSTER_CA, 'init', 'orders']);
  run([CLUSTER_CA, 'issue', 'n1', 'n2', '--out', join(home, 'out')]);
  run(['-e', '0']);
  compare('cluster-ca --version', [CLUSTER_CA, '--version']);
  compare('cluster-ca list', [CLUSTER_CA, 'list']);
  compare('cluster-ca status', [CLUSTER_CA, 'status']);
  compare('cluster-ca verify n1', [CLUSTER_CA, 'verify', 'n1']);
  compare('cluster-ca inspect FILE', [CLUSTER_CA, 'inspect', join(home, 'out/n1/data/cert.pem')]);
  compare('cluster-ca issue n3', [CLUSTER_CA, 'issue', 'n3', '--out', join(home, 'out'), '--force-new']);
} finally {
  rmSync(home, { recursive: true, force: true });
}
