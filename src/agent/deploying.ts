import { sha256Hex } from '../crypto/hash.ts';
import { deployUnit, stateAfter } from '../deployment/deploy-unit.ts';
import { type ServiceObject, serviceObject, unitObjects } from '../deployment/document.ts';
import { Judge } from '../deployment/judge.ts';
import { type Peer, readPeer } from '../deployment/peers.ts';
import { ranksOf } from '../deployment/ranks.ts';
import { ServiceDirectory } from '../deployment/service-directory.ts';
import type { UnitContext } from '../deployment/task.ts';
import type { Unit } from '../deployment/unit.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { Hosts } from '../hosts/hosts.ts';
import { type Holding, keyOf } from './holding.ts';
import { certificatesOf, Knowledge } from './knowledge.ts';
import type { Desired, ReportedService } from './protocol.ts';

/** How long one step may take, when its command says nothing else. */
const STEP = 20_000;

/** What the services of a node have come to. */
export interface Deployed {
  services: ReportedService[];
  /** 1: one of them is a primary or leader. */
  rank: number;
}

export interface OwnDeployment {
  units: readonly Unit[];
  holdings: readonly Holding[];
  desired: Desired;
  now: () => Date;
  warn: (message: string) => void;
}

/**
 * Gives the services of this node what they are to have, by the same steps as `deploy`, with the node's own certificate
 * to ask them. The first directory that fails is the last: the others keep what they have until it is mended.
 */
export async function deployOwn({ units, holdings, desired, now, warn }: OwnDeployment): Promise<Deployed> {
  const knowledge = new Knowledge(desired, holdings);
  const asking = holdings.find(({ profile }) => profile !== 'server');
  const hosts = new Hosts();
  const key = asking === undefined ? new Uint8Array() : keyOf(asking);
  try {
    const peers: Peer[] = [];
    for (const unit of units) peers.push(...[await readPeer(hosts.of(unit), unit, now())].filter(isThere));
    const context: UnitContext = {
      crls: () => knowledge.crls,
      client: { cert: new TextEncoder().encode(asking?.chain ?? ''), key },
      judge: new Judge(knowledge.known, now),
      peers,
      taken: new Map(),
      seen: new Map(),
      lost: new Set(),
      material: async (unit) => knowledge.material(holdingOf(holdings, unit)),
      now,
      wait: STEP,
      timeout: STEP,
      cycle: false,
      onlyCrl: false,
      step: () => {},
      warn,
    };
    const services: ReportedService[] = [];
    let broken: string | undefined;
    for (const unit of units) {
      const results = broken === undefined ? await attempt(unit, hosts, context) : notReached(unit, broken);
      if (results.some(({ state }) => state === 'failed')) broken ??= unit.dir;
      services.push(...(await withFiles(unit, results, hosts)));
    }
    const ranks = units.length === 0 ? [] : await ranksOf(units, hosts.of, async () => context);
    return { services, rank: Math.max(0, ...ranks.map(({ rank }) => rank)) };
  } finally {
    key.fill(0);
    await hosts.close();
  }
}

async function attempt(unit: Unit, hosts: Hosts, context: UnitContext): Promise<ServiceObject[]> {
  try {
    const results = await deployUnit(unit, hosts.of(unit), undefined, context);
    return results.map((result) => serviceObject(unit, result));
  } catch (error) {
    if (!isClusterCaError(error)) throw error;
    return unitObjects(unit, stateAfter(error), error, context.seen);
  }
}

function notReached(unit: Unit, broken: string): ServiceObject[] {
  return unitObjects(
    unit,
    'pending',
    new ClusterCaError('ERR_STATE', `not reached: ${broken} of the same node failed`),
  );
}

/** What is in the directory, beside what became of each service. */
async function withFiles(unit: Unit, results: readonly ServiceObject[], hosts: Hosts): Promise<ReportedService[]> {
  const directory = new ServiceDirectory(hosts.of(unit), unit.dir);
  const onDisk = await directory.fingerprint().catch(() => undefined);
  const trusts = await anchorsIn(directory);
  return results.map(({ kind, address, dir, state, served, oldConnections, error }) => ({
    plane: unit.plane,
    kind: kind as ReportedService['kind'],
    ...(address === undefined ? {} : { address }),
    dir,
    state,
    ...(served === undefined ? {} : { served }),
    ...(onDisk === undefined ? {} : { onDisk }),
    trusts,
    ...(oldConnections === undefined ? {} : { oldConnections }),
    ...(error === undefined
      ? {}
      : {
          error: {
            code: error.code,
            message: error.message.slice(0, 2000),
            ...(error.hint === undefined ? {} : { hint: error.hint.slice(0, 2000) }),
          },
        }),
  }));
}

async function anchorsIn(directory: ServiceDirectory): Promise<string[]> {
  try {
    const pem = await directory.read('ca.pem');
    return pem === undefined
      ? []
      : certificatesOf(pem)
          .slice(0, 64)
          .map((der) => sha256Hex(der));
  } catch {
    return [];
  }
}

/** @throws ERR_NOT_FOUND for a plane that the node has no certificate of */
function holdingOf(holdings: readonly Holding[], { holder, plane }: Unit): Holding {
  const holding = holdings.find((one) => one.plane === plane);
  if (holding !== undefined) return holding;
  throw new ClusterCaError('ERR_NOT_FOUND', `${holder.name} has no certificate for plane ${plane}`, {
    hint: `an operator makes a token for it: cluster-ca join-token ${holder.name} --plane ${plane}`,
  });
}

function isThere<T>(value: T | undefined): value is T {
  return value !== undefined;
}
