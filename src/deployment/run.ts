import { resolve } from 'node:path';
import type { Context } from '../context.ts';
import type { ClientCertificate } from '../endpoint/handshake.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { Hosts } from '../hosts/hosts.ts';
import { inventoryItems } from '../inventory/items.ts';
import { type IssueItem, itemNameTexts } from '../issuance/item.ts';
import { issueProbe } from '../issuance/probe.ts';
import { inProgress } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { adoptedMaterial, keepsCertificates, ownClient } from './adopted.ts';
import { type Failures, notReached } from './after-failure.ts';
import { deployUnit, stateAfter } from './deploy-unit.ts';
import type { Deployment } from './deployment.ts';
import { type DeployDocument, type ServiceObject, serviceObject, unitObjects } from './document.ts';
import { finishEarlierRuns } from './earlier-runs.ts';
import { Judge } from './judge.ts';
import { type Material, materialOf } from './material.ts';
import { type Peer, readPeer } from './peers.ts';
import { planDeployment } from './plan.ts';
import { crlEnds } from './preflight.ts';
import { ranksOf } from './ranks.ts';
import { awaiting, recordServices } from './recorded.ts';
import { settle } from './settle.ts';
import { stagingDirectory } from './staging.ts';
import type { ServiceResult, UnitContext } from './task.ts';
import type { Deployable, Unit } from './unit.ts';
import { planWaves } from './waves.ts';

/** How long one step may take, when its command says nothing else. */
const STEP = 20_000;

/** What a run would do. */
export async function dryRunDeployment(
  ctx: Context,
  keystore: Keystore,
  deployment: Deployment,
): Promise<DeployDocument> {
  const hosts = new Hosts();
  try {
    const { units, atOnce, named = false } = deployment;
    const keys = keyDirectories(ctx, keystore, deployment);
    return await planDeployment(keystore, units, hosts.of, { keys, now: ctx.now(), atOnce, named });
  } finally {
    await hosts.close();
  }
}

/**
 * Deploys to every unit, wave by wave, and records what it came to. A wave in which something failed is the last, but
 * where the order does not matter; what was not reached, and what is down, is pending: the next run does it.
 * @throws ERR_KEYSTORE_BUSY, ERR_CLOCK, ERR_STORAGE of the keystore; what fails of services is in the document
 */
export async function runDeployment(
  ctx: Context,
  writer: KeystoreWriter,
  deployment: Deployment,
): Promise<DeployDocument> {
  if (deployment.units.length === 0) return { services: [], waves: [] };
  const hosts = new Hosts();
  if (deployment.fresh) await recordServices(writer, awaiting(deployment.units), ctx.globals.wait);
  await finishEarlierRuns(ctx, writer, keyDirectories(ctx, writer.keystore, deployment));
  const client = await issueProbe(writer, ctx.globals.wait);
  const run = new Run(ctx, writer, deployment, hosts, client);
  try {
    const document = await run.all();
    await settle(ctx, writer, deployment, run);
    return document;
  } finally {
    ctx.ui.endProgress();
    run.forget();
    await hosts.close();
  }
}

class Run {
  readonly #ctx: Context;
  readonly #writer: KeystoreWriter;
  readonly #deployment: Deployment;
  readonly #hosts: Hosts;
  readonly #client: ClientCertificate;
  readonly #own: ClientCertificate[] = [];
  readonly outcomes = new Map<Unit, ServiceObject[]>();
  readonly materials = new Map<Unit, Material>();

  constructor(ctx: Context, writer: KeystoreWriter, deployment: Deployment, hosts: Hosts, client: ClientCertificate) {
    this.#ctx = ctx;
    this.#writer = writer;
    this.#deployment = deployment;
    this.#hosts = hosts;
    this.#client = client;
  }

  async all(): Promise<DeployDocument> {
    const { units, atOnce } = this.#deployment;
    await this.#gather();
    const ready = units.filter((unit) => this.materials.has(unit));
    const context = await this.#context();
    const waves = planWaves(await ranksOf(ready, this.#hosts.of, (unit) => this.#contextOf(unit, context)), atOnce);
    const done: string[][] = [];
    const { independent } = this.#deployment;
    for (const wave of waves) {
      const failures = this.#failures();
      const mine = ready.filter((unit) => wave.includes(unit.holder.name));
      const reached = mine.filter((unit) => {
        const error = notReached(unit, failures, atOnce, independent);
        if (error !== undefined) this.outcomes.set(unit, unitObjects(unit, 'pending', error));
        return error === undefined;
      });
      const nodes = wave.filter((node) => reached.some(({ holder }) => holder.name === node));
      if (nodes.length === 0) continue;
      done.push(nodes);
      await Promise.all(
        nodes.map((node) =>
          this.#node(
            reached.filter((unit) => unit.holder.name === node),
            context,
          ),
        ),
      );
      this.#deployment.onWave?.(nodes);
    }
    const services = units.flatMap((unit) => this.outcomes.get(unit) ?? []);
    return { services, waves: done };
  }

  /** What has failed of those that were given something. */
  #failures(): Failures {
    const failed = new Set<string>();
    const lost = new Set<string>();
    for (const [unit, outcome] of this.outcomes) {
      if (!this.materials.has(unit) || !outcome.some(({ state }) => state === 'failed')) continue;
      failed.add(unit.holder.name);
      if (unit.services.some((one) => this.#lost.has(one))) lost.add(unit.holder.name);
    }
    return { failed: [...failed], lost: [...lost] };
  }

  /** What every unit is to be given, before anything is changed: what was never issued fails here. */
  async #gather(): Promise<void> {
    for (const unit of this.#deployment.units) await this.#attempt([unit], () => this.#material(unit));
  }

  async #material(unit: Unit): Promise<Material> {
    const { keystore } = this.#writer;
    const keys = keyDirectories(this.#ctx, keystore, this.#deployment);
    const whatever = this.#deployment.onlyCrl ?? false;
    const now = this.#ctx.now();
    const material = keepsCertificates(keystore)
      ? await adoptedMaterial(keystore, unit, this.#hosts.of(unit), now)
      : await materialOf(keystore, unit, keys, now, { whatever });
    this.materials.set(unit, material);
    return material;
  }

  async #context(): Promise<UnitContext> {
    const { keystore } = this.#writer;
    const { ui, now, globals } = this.#ctx;
    const warn = (message: string): void => ui.warn(message);
    const peers: Peer[] = [];
    for (const unit of this.#deployment.all) {
      if (await isRevoked(keystore, unit)) continue;
      const peer = await readPeer(this.#hosts.of(unit), unit, now());
      if (peer !== undefined) peers.push(peer);
    }
    return {
      crls: () => crlEnds(keystore),
      client: this.#client,
      judge: await Judge.create(keystore, now),
      peers,
      taken: new Map(),
      seen: this.#seen,
      lost: this.#lost,
      material: async (unit) => {
        await keystore.refresh();
        return this.#material(unit);
      },
      now,
      wait: globals.wait,
      timeout: STEP,
      cycle: this.#deployment.cycle,
      aside: keystore.state.rollover?.form === 'foreign' && inProgress(keystore.state),
      onlyCrl: this.#deployment.onlyCrl ?? false,
      step: ({ holder, plane }, what) => ui.progress(`${holder.name}${plane === '' ? '' : `/${plane}`}: ${what}`),
      warn,
    };
  }

  /** A server that knows no CA of ours yet is spoken to with its own certificate. */
  async #contextOf(unit: Unit, context: UnitContext): Promise<UnitContext> {
    if (!keepsCertificates(this.#writer.keystore)) return context;
    const client = await ownClient(unit, this.#hosts.of(unit));
    if (client === undefined) return context;
    this.#own.push(client);
    return { ...context, client };
  }

  /** Forgets the keys that were read to speak with. */
  forget(): void {
    for (const { key } of [this.#client, ...this.#own]) key.fill(0);
  }

  /** The units of one node, one after the other; the first that fails is the last. */
  async #node(units: readonly Unit[], context: UnitContext): Promise<void> {
    for (const [i, unit] of units.entries()) {
      await this.#attempt([unit], async () => {
        const own = await this.#contextOf(unit, context);
        const results = await deployUnit(unit, this.#hosts.of(unit), this.#wanted(unit), own);
        this.outcomes.set(
          unit,
          results.map((result: ServiceResult) => serviceObject(unit, result)),
        );
      });
      if (!this.outcomes.get(unit)?.some(({ state }) => state === 'failed')) continue;
      const error = new ClusterCaError('ERR_STATE', `not reached: ${unit.dir} of the same node failed`);
      for (const rest of units.slice(i + 1)) this.outcomes.set(rest, unitObjects(rest, 'pending', error));
      return;
    }
  }

  /** What is revoked is left out. */
  async #attempt(units: readonly Unit[], work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isClusterCaError(error)) throw error;
      const leftOut = error.details?.status === 'revoked' && !this.#deployment.named;
      if (leftOut) this.#ctx.ui.warn(`${error.message}: it is left out`);
      for (const unit of units)
        this.outcomes.set(
          unit,
          leftOut ? unitObjects(unit, 'unchanged') : unitObjects(unit, stateAfter(error), error, this.#seen),
        );
    }
  }

  readonly #seen = new Map<Deployable, string>();
  readonly #lost = new Set<Deployable>();
  #items: IssueItem[] | undefined;

  /** The names that the inventory asks for. */
  #wanted({ holder, plane }: Unit): string[] | undefined {
    // Whatever names another CA's certificates have: they are in use.
    if (keepsCertificates(this.#writer.keystore)) return undefined;
    const { state } = this.#writer.keystore;
    this.#items ??= inventoryItems(this.#deployment.inventory, state);
    const item = this.#items.find((one) => one.kind === holder.kind && one.name === holder.name && one.plane === plane);
    return item && itemNameTexts(item, state.policy);
  }
}

async function isRevoked(keystore: Keystore, { holder, plane }: Unit): Promise<boolean> {
  const row = await keystore.query((index) => index.current(holder.kind, holder.name, plane));
  return row?.revoked !== undefined;
}

function keyDirectories(ctx: Context, keystore: Keystore, { from }: Deployment): string[] {
  const staging = stagingDirectory(ctx.env, keystore.identity.id);
  return [resolve(ctx.cwd, from), ...(staging === undefined ? [] : [staging])];
}
