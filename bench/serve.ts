// Certificates a second over mutual TLS, each of ours committed and durable, against `cfssl serve` on the same machine, by
// turns in the same run with the same clients. `npm run bench -- serve
// [REQUESTS] [ROUNDS] [CLIENTS,…]`.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CfsslServer, missingCfssl } from './serve-cfssl.ts';
import { type Agent, agentsOf, connected, renew, requests } from './serve-clients.ts';
import { OurServer } from './serve-ours.ts';
import { Home, median, timed } from './support.ts';

const [requested = '4000', repeated = '5', numbers = '1,64,1000'] = process.argv.slice(2);
const REQUESTS = Number(requested);
const ROUNDS = Number(repeated);
/** Connections at once, each with a certificate of its own; the largest are the agents of a fleet that all renew at the same time. */
const CLIENTS = numbers.split(',').map(Number);
const FLEET = Math.max(...CLIENTS);

/** A server that signs what clients ask it to. */
export interface Contestant {
  name: string;
  port: number;
  /** The request, as octets of HTTP/1.1. */
  request: (agent: Agent, csr: string) => Buffer;
  /** CPU seconds that the process has used. */
  cpu: () => number;
}

interface Measured {
  perSecond: number;
  perCpuSecond: number;
}

const missing = missingCfssl();
if (missing !== undefined) throw new Error(missing);
const home = new Home();
const stop: (() => void)[] = [];
try {
  const env = home.env('ca');
  const nodes = Array.from({ length: FLEET }, (_, i) => `  n${i}: { planes: [data] }`);
  const inventory = join(home.path, 'cluster.yaml');
  writeFileSync(
    inventory,
    ['cluster: orders', 'nodes:', ...nodes, '  cfssl: { planes: [data], ip: [127.0.0.1] }', ''].join('\n'),
  );
  const out = join(home.path, 'tls');
  await timed(['init', 'orders'], env);
  await timed(['issue', '--inventory', inventory, '--out', out], env);
  const ours = await OurServer.start(home, env);
  stop.push(() => ours.stop());
  const cfssl = await CfsslServer.start(join(home.path, 'cfssl'), join(out, 'cfssl', 'data'));
  stop.push(() => cfssl.stop());
  const durable = await CfsslServer.start(join(home.path, 'cfssl-db'), join(out, 'cfssl', 'data'), true);
  stop.push(() => durable.stop());
  const agents = agentsOf(out, FLEET);
  console.log(
    `${REQUESTS} requests a measurement, ecdsa-p256, ${ROUNDS} rounds, medians; a CPU second is the server's`,
  );
  for (const clients of CLIENTS) await compare([ours, cfssl, durable], agents.slice(0, clients));
} finally {
  for (const end of stop) end();
  home.remove();
}

async function compare(contestants: Contestant[], agents: Agent[]): Promise<void> {
  const count = agents.length === 1 ? Math.min(REQUESTS, 500) : REQUESTS;
  const rounds: Measured[][] = [];
  for (const one of contestants) await measure(one, agents, requests(count));
  for (let round = 0; round < ROUNDS; round++) {
    const csrs = requests(count);
    const measured: Measured[] = [];
    for (const one of contestants) {
      execFileSync('sync');
      measured.push(await measure(one, agents, csrs));
    }
    rounds.push(measured);
  }
  for (const [i, { name }] of contestants.entries()) {
    const of = (pick: (one: Measured) => number) => median(rounds.map((round) => pick(round[i] as Measured)));
    const ratio = (pick: (one: Measured) => number) =>
      median(rounds.map((round) => pick(round[0] as Measured) / pick(round[i] as Measured))).toFixed(2);
    const line = [
      `${agents.length} clients`.padEnd(13),
      name.padEnd(28),
      `${of((one) => one.perSecond)
        .toFixed(0)
        .padStart(6)} a second, ${of((one) => one.perCpuSecond)
        .toFixed(0)
        .padStart(6)} a CPU second`,
    ];
    if (i > 0)
      line.push(`  ours: ${ratio((one) => one.perSecond)} ×, ${ratio((one) => one.perCpuSecond)} × a CPU second`);
    console.log(line.join(' '));
  }
}

/** Each client connects, asks as soon as it is connected, and tries again when it was closed, as an agent does. */
async function measure(server: Contestant, agents: Agent[], csrs: string[]): Promise<Measured> {
  const prepared = agents.map((agent, i) =>
    csrs.filter((_, j) => j % agents.length === i).map((csr) => server.request(agent, csr)),
  );
  const cpu = server.cpu();
  const start = performance.now();
  await Promise.all(
    agents.map(async (agent, i) => {
      for (let attempt = 1; ; attempt++)
        try {
          const connection = await connected(server.port, agent);
          await renew(connection, prepared[i] as Buffer[]);
          connection.destroy();
          return;
        } catch (error) {
          // A thousand handshakes at once may take longer than a server waits for one.
          if (attempt === 5) throw error;
        }
    }),
  );
  const seconds = (performance.now() - start) / 1000;
  return { perSecond: csrs.length / seconds, perCpuSecond: csrs.length / (server.cpu() - cpu) };
}
