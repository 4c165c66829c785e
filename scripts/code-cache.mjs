// Runs the command line once as its users do, in a scratch keystore, and keeps the code that V8 made of each bundle
// (src/bundles.ts): a command then starts without compiling. `node scripts/code-cache.mjs DIST`
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const { main, scripts, codeCacheOf } = createRequire(import.meta.url)(resolve(process.argv[2], 'main.cjs'));
const home = mkdtempSync(join(tmpdir(), 'cluster-ca-build-'));
for (const name of Object.keys(process.env)) if (name.startsWith('CLUSTER_CA_')) delete process.env[name];
Object.assign(process.env, {
  CLUSTER_CA_KEYSTORE: join(home, 'keystore'),
  CLUSTER_CA_KEY_FILE: join(home, 'key'),
  XDG_STATE_HOME: join(home, 'state'),
});
const inventory = join(home, 'cluster.yaml');
const out = join(home, 'out');
const certificate = join(out, 'n1/data/cert.pem');

/** What is run most, and by scripts most often. More would make the cache larger than what it saves. */
const COMMANDS = [
  ['init', 'orders'],
  ['issue', '--inventory', inventory, '--out', out],
  ['issue', 'n2', '--out', out, '--json'],
  ['list'],
  ['status'],
  ['inspect', certificate],
  ['verify', certificate],
  ['verify', 'n1'],
  ['completion', 'bash'],
];

const said = [];
const write = process.stdout.write;
try {
  writeFileSync(inventory, 'cluster: orders\nnodes:\n  n1: { dns: [n1.orders.internal] }\n');
  process.stdout.write = () => true;
  process.stderr.write = (text) => said.push(String(text)) > 0;
  for (const command of COMMANDS) {
    const code = await main(command);
    if (code !== 0) throw new Error(`cluster-ca ${command.join(' ')} ended with ${code}: ${said.join('')}`);
  }
  for (const [name, script] of scripts) {
    const file = fileURLToPath(codeCacheOf(name));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, script.createCachedData());
  }
} finally {
  process.stdout.write = write;
  rmSync(home, { recursive: true, force: true });
}
