import { setMaxListeners } from 'node:events';
import { type Context, openKeystoreToWrite } from '../context.ts';
import { selectUnits } from '../deployment/select.ts';
import { type Address, formatAddress } from '../endpoint/address.ts';
import { inventoryItems } from '../inventory/items.ts';
import { readInventory } from '../inventory/read.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { KeystoreWriter } from '../keystore/writer.ts';
import { stopSignal } from '../ui/interrupt.ts';
import { Journal } from '../ui/journal.ts';
import { requireClock, type UnlockOptions } from '../unlocking.ts';
import { formatTime } from '../values/time.ts';
import { Agents } from './agents/agents.ts';
import { DesiredState } from './agents/desired.ts';
import { DriftWatch } from './alerts/drift-watch.ts';
import { AlertSinks } from './alerts/sinks.ts';
import { Certifier } from './certifier.ts';
import { createApp } from './http/app.ts';
import { Callers } from './http/caller.ts';
import { listen, plainListener, renewSecureListener, secureListener } from './http/listeners.ts';
import { issueOwnCertificate, type OwnCertificate } from './http/own-certificate.ts';
import type { Route } from './http/route.ts';
import { InventoryFile } from './inventory-file.ts';
import { type Job, Jobs } from './jobs.ts';
import { LiveKeystore } from './live-keystore.ts';
import { Metrics } from './metrics.ts';
import { readiness } from './readiness.ts';
import { followRollover } from './rollover/follow.ts';
import { plainRoutes, secureRoutes } from './routes/index.ts';
import { Scheduler } from './schedule/scheduler.ts';
import { Timer } from './schedule/timer.ts';
import type { Service } from './service.ts';
import { unlockForServing } from './unlock.ts';

export interface ServeOptions extends UnlockOptions {
  listen: Address;
  httpListen: Address | undefined;
  inventory: string | undefined;
}

/** How long after a failure the next own certificate is tried for. */
const RETRY = 10_000;

/** Runs the daemon until it is told to stop. @throws what keeps it from starting */
export async function serve(ctx: Context, options: ServeOptions): Promise<void> {
  const keystore = await openKeystoreToWrite(ctx);
  if (options.inventory !== undefined) await checkInventory(keystore, options.inventory);
  await requireClock(ctx, keystore);
  const daily = await unlockForServing(ctx, keystore, options);
  try {
    const warn = (message: string): void => ctx.ui.warn(message);
    const acceptClock = ctx.globals.acceptClock ?? false;
    const writer = await KeystoreWriter.open(keystore, daily, { now: ctx.now, acceptClock, warn });
    await run(ctx, writer, options);
  } finally {
    daily.close();
  }
}

/** What is wrong with the inventory is said at once, and not by the first rotation. */
async function checkInventory({ state }: Keystore, path: string): Promise<void> {
  const inventory = readInventory(path);
  inventoryItems(inventory, state);
  await selectUnits(inventory, state.policy.planes, []);
}

async function run(ctx: Context, writer: KeystoreWriter, options: ServeOptions): Promise<void> {
  const { now, globals } = ctx;
  const journal = new Journal(ctx.ui, now);
  let own = await issueOwnCertificate(writer, options.listen.host, globals.wait);
  const keystore = await LiveKeystore.open(ctx);
  const inventory = new InventoryFile(options.inventory);
  const metrics = new Metrics(keystore, inventory, now);
  const ready = readiness({ keystore, now, own: () => own });
  const certifier = new Certifier(writer, globals.wait);
  const sinks = new AlertSinks({ ctx, inventory, journal, metrics });
  sinks.start(keystore.latest.state.cluster);
  const stopped = stopSignal();
  const jobs = new Jobs(now);
  const agents = new Agents(() => now().getTime());
  const stopping = new AbortController();
  // One for each request that waits for its work.
  setMaxListeners(0, stopping.signal);
  void stopped.then(() => {
    stopping.abort();
    agents.stop();
  });
  const rotated = (job: Job): void => tellOf(job, metrics, journal);
  const advanced = (job: Job): void => tellOfRollover(job, metrics, journal);
  const service: Service = {
    ctx,
    keystore,
    writer,
    now,
    metrics,
    journal,
    inventory,
    sinks,
    certifier,
    jobs,
    agents,
    desired: new DesiredState(),
    drift: new DriftWatch(),
    rotated,
    advanced,
    ready,
    stopping: stopping.signal,
    failedRotations: () => scheduler.failed,
  };
  const scheduler: Scheduler = new Scheduler(service);
  const callers = new Callers();
  const secure = secureListener(own, keystore.latest);
  const renewal = new Timer(
    async () => {
      own = await renewOwn(service, options.listen.host, own);
      renewSecureListener(secure.server, own, await keystore.current());
      renewal.at(own.dueAt);
    },
    (error) => {
      metrics.failed.inc({ what: 'own-certificate' });
      journal.say('own-certificate-failed', { error: String(error) });
      renewal.at(now().getTime() + RETRY);
    },
  );
  renewal.at(own.dueAt);
  keystore.onRead = followRollover(keystore.latest, () => own, {
    anchors: () => renewSecureListener(secure.server, own, keystore.latest),
    issuer: () => renewal.at(now().getTime()),
  });
  metrics.watch('cluster_ca_open_connections', 'Connections with a certificate.', () => secure.connections.count);
  metrics.watch('cluster_ca_agents_waiting', 'Agents whose poll is held.', () => agents.held);
  metrics.watch('cluster_ca_serve_cert_expires_in_seconds', "Seconds until the daemon's own certificate ends.", () =>
    Math.floor((own.notAfter + 1000 - now().getTime()) / 1000),
  );
  const common = (routes: Route[]) => ({
    routes,
    answered: (request: { method: string; path: string; status: number; caller: string | undefined }) => {
      const { method, path, status, caller } = request;
      metrics.requests.inc({ method, path, status: String(status) });
      if (method !== 'GET' || status >= 400) journal.say('request', { method, path, status, caller });
    },
    bug: (error: unknown) => {
      const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
      journal.say('bug', { error: ctx.ui.options.debug ? stack : String(error) });
    },
  });
  const identify = async (der: Uint8Array) => callers.identify(await keystore.current(), der, now());
  const connections = [secure.connections];
  const apps = [await createApp({ ...common(secureRoutes(service)), server: secure.server, identify })];
  try {
    await listen(apps[0] as (typeof apps)[number], options.listen);
    if (options.httpListen !== undefined) {
      const plain = plainListener();
      const app = await createApp({ ...common(plainRoutes(service)), server: plain.server, identify: undefined });
      apps.push(app);
      connections.push(plain.connections);
      await listen(app, options.httpListen);
    }
    const serving = await writer.keystore.store.announceServing();
    announce(service, options, own);
    scheduler.start();
    journal.say('stopping', { signal: await stopped });
    await serving();
  } finally {
    for (const each of connections) each.close();
    await Promise.all([...apps.map((app) => app.close()), jobs.close(), renewal.stop(), scheduler.stop()]);
    await sinks.stop();
  }
  journal.say('stopped');
}

async function renewOwn({ writer, ctx, journal }: Service, address: string, before: OwnCertificate) {
  const own = await issueOwnCertificate(writer, address, ctx.globals.wait);
  journal.say('own-certificate', { serial: own.serial, replaces: before.serial, until: formatTime(own.notAfter) });
  return own;
}

function tellOf({ id, by, state, nodes, problem }: Job, metrics: Metrics, journal: Journal): void {
  const open = nodes.filter((one) => one.state !== 'rotated');
  metrics.failed.inc({ what: 'rotate' }, open.length + (problem === undefined ? 0 : 1));
  if (state === 'done') metrics.lastRun.set({ what: 'rotate' }, Date.now() / 1000);
  const names = (list: typeof nodes): string[] =>
    list.map((one) => (one.plane ? `${one.node}/${one.plane}` : one.node));
  journal.say(state === 'done' ? 'rotated' : 'not-rotated', {
    job: id,
    by,
    rotated: names(nodes.filter((one) => one.state === 'rotated')),
    ...(open.length === 0 ? {} : { open: names(open), error: open[0]?.error?.message }),
    ...(problem === undefined ? {} : { error: problem.message }),
  });
}

function tellOfRollover({ id, by, rollover, problem }: Job, metrics: Metrics, journal: Journal): void {
  if (rollover === undefined) {
    // That a guard does not hold, or the step is somebody else's, is no failure of the daemon's.
    if ((problem?.status ?? 500) >= 500) metrics.failed.inc({ what: 'rollover' });
    const { blocking } = problem?.options.members ?? {};
    const who = Array.isArray(blocking) ? { blocking: blocking.map(String) } : {};
    journal.say('rollover-refused', { job: id, by, error: problem?.message, ...who });
    return;
  }
  const { phase, steps = [], warnings } = rollover.document;
  const error = rollover.verdict?.message;
  journal.say('rollover-moved', { job: id, by, phase, steps: steps.map(({ what }) => what), warnings, error });
}

function announce({ journal, keystore }: Service, { listen, httpListen }: ServeOptions, own: OwnCertificate): void {
  journal.say('listening', {
    cluster: keystore.latest.state.cluster,
    https: `https://${formatAddress(listen)}`,
    ...(httpListen === undefined ? {} : { http: `http://${formatAddress(httpListen)}` }),
    names: own.names,
    serial: own.serial,
  });
}
