// The main job end to end, with no server needed: a CA in a temporary keystore, six nodes, real mutual TLS between
// every pair on both planes, a rotation, a revocation. `npm run demo`.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterCa } from './cli.ts';
import { handshake, type Identity, serve } from './handshake.ts';

const PLANES = ['control', 'data'];
const NODES = ['redis-1', 'redis-2', 'redis-3', 'redis-4', 'redis-5', 'redis-6'];

const home = mkdtempSync(join(tmpdir(), 'cluster-ca-demo-'));
const keystore = join(home, 'keystore');
const out = join(home, 'certificates');
const env = {
  CLUSTER_CA_KEYSTORE: keystore,
  CLUSTER_CA_KEY_FILE: join(home, 'key-file'),
  XDG_STATE_HOME: join(home, 'state'),
  XDG_DATA_HOME: join(home, 'data'),
};

try {
  await run();
} finally {
  rmSync(home, { recursive: true, force: true });
}

async function run(): Promise<void> {
  step('cluster-ca init orders --key-file KEY');
  const made = clusterCa(['init', 'orders'], env);
  for (const authority of made.authorities as { subject: string; fingerprint: string }[])
    say(`${authority.subject.padEnd(26)} SHA-256 ${authority.fingerprint.slice(0, 16)}…`);

  writeFileSync(join(home, 'cluster.yaml'), inventory());
  step('cluster-ca issue --inventory cluster.yaml --out certificates');
  const issued = clusterCa(['issue', '--inventory', join(home, 'cluster.yaml'), '--out', out], env);
  say(`${count(issued.certificates)} certificates: ${NODES.length} nodes × ${PLANES.length} planes`);

  step('mutual TLS between every ordered pair of nodes, on each plane');
  const first = await everyPair();

  step('cluster-ca rotate --all --out certificates');
  const rotated = clusterCa(['rotate', '--all', '--out', out], env);
  say(`${count(rotated.certificates)} new keys and certificates`);
  const second = await everyPair();

  step('cluster-ca revoke redis-6 --reason keyCompromise --yes');
  const revoked = clusterCa(['revoke', 'redis-6', '--reason', 'keyCompromise', '--yes'], env);
  say(`${count(revoked.revoked)} certificates revoked: every one ever issued to redis-6`);
  clusterCa(['crl', '--out', join(home, 'crl.pem')], env);
  const { refused, accepted } = await afterRevocation(readFileSync(join(home, 'crl.pem'), 'utf8'));

  step('cluster-ca audit verify');
  const audit = clusterCa(['audit', 'verify'], env);
  say(`${String(audit.records)} records, each signed and chained to the last`);

  process.stdout.write(
    `\nsummary\n  ${first + second} of ${2 * PLANES.length * NODES.length * (NODES.length - 1)} handshakes accepted, before and after the rotation\n` +
      `  ${refused} of ${2 * (NODES.length - 1)} handshakes of the revoked node refused, ${accepted} of the others accepted\n` +
      '  nothing is left behind: the keystore was in a temporary directory\n',
  );
  const expected = 2 * (NODES.length - 1);
  const whole =
    first + second === 2 * PLANES.length * NODES.length * (NODES.length - 1) &&
    refused === expected &&
    accepted === 2 * (NODES.length - 1) * (NODES.length - 2);
  if (!whole) process.exitCode = 1;
}

/** Every ordered pair on each plane. @returns how many were accepted with the right name */
async function everyPair(): Promise<number> {
  let done = 0;
  for (const plane of PLANES) {
    let onPlane = 0;
    for (const node of NODES) {
      const { server, port } = await serve(identity(node, plane));
      for (const peer of NODES) {
        if (peer === node) continue;
        if ((await handshake(identity(peer, plane), port, `${node}.orders.internal`)) === peer) onPlane++;
      }
      server.close();
    }
    say(
      `${plane.padEnd(8)} ${onPlane} of ${NODES.length * (NODES.length - 1)} accepted, client and server both verified`,
    );
    done += onPlane;
  }
  return done;
}

/** Servers that read the CRL refuse the revoked node and accept the others. */
async function afterRevocation(pem: string): Promise<{ refused: number; accepted: number }> {
  // Node's TLS reads one CRL a text: one for every level, the root's too.
  const crl = pem.split(/(?=-----BEGIN)/);
  let [refused, accepted] = [0, 0];
  for (const plane of PLANES)
    for (const node of NODES.slice(0, -1)) {
      const { server, port } = await serve(identity(node, plane), crl);
      const attempt = (peer: string): Promise<boolean> =>
        handshake(identity(peer, plane), port, `${node}.orders.internal`).then(
          () => true,
          () => false,
        );
      if (!(await attempt('redis-6'))) refused++;
      for (const peer of NODES.slice(0, -1)) if (peer !== node && (await attempt(peer))) accepted++;
      server.close();
    }
  say(`servers with the new CRL: redis-6 refused ${refused} times, the others accepted ${accepted} times`);
  return { refused, accepted };
}

function identity(node: string, plane: string): Identity {
  return { node, plane, directory: join(out, node, plane) };
}

function inventory(): string {
  const nodes = NODES.map((node) => `  ${node}: { ip: [127.0.0.1] }`);
  return ['cluster: orders', 'nodes:', ...nodes, ''].join('\n');
}

function count(list: unknown): number {
  return Array.isArray(list) ? list.length : 0;
}

function step(text: string): void {
  process.stdout.write(`\n▸ ${text}\n`);
}

function say(text: string): void {
  process.stdout.write(`  ${text}\n`);
}
