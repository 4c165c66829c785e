import { isClusterCaError } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Abilities } from '../targets/target.ts';
import { type Difference, differenceOf } from './change.ts';
import { isUnfinished } from './change-to-make.ts';
import { type DeployDocument, identity, type ServiceObject, unitObjects } from './document.ts';
import { type Material, materialOf } from './material.ts';
import { findKey } from './new-files.ts';
import { ServiceDirectory } from './service-directory.ts';
import type { Unit } from './unit.ts';
import { planWaves } from './waves.ts';

/** Where the keys are, when, and how many nodes at the same time. */
interface PlanRequest {
  keys: readonly string[];
  now: Date;
  atOnce: number;
  /** Units were asked for by name. */
  named: boolean;
}

/**
 * What a run would do, by what is on disk: nobody is asked with a certificate, no passphrase is needed, nothing is
 * changed. Which node is a primary is only known when the servers are asked.
 */
export async function planDeployment(
  keystore: Keystore,
  units: readonly Unit[],
  hostOf: (unit: Unit) => Host,
  request: PlanRequest,
): Promise<DeployDocument> {
  const services: ServiceObject[] = [];
  const busy = new Set<string>();
  for (const unit of units) {
    const planned = await planUnit(keystore, unit, hostOf, request).catch((error: unknown) => {
      if (!isClusterCaError(error)) throw error;
      if (error.details?.status === 'revoked' && !request.named) return unitObjects(unit, 'unchanged');
      return unitObjects(unit, isClusterCaError(error, 'ERR_REMOTE', 'ERR_TIMEOUT') ? 'pending' : 'failed', error);
    });
    services.push(...planned);
    if (planned.some(({ steps = [] }) => steps.length > 0)) busy.add(unit.holder.name);
  }
  const waves = planWaves(
    [...busy].map((node) => ({ node, rank: 0 })),
    request.atOnce,
  );
  return { services, waves, dryRun: true };
}

async function planUnit(
  keystore: Keystore,
  unit: Unit,
  hostOf: (unit: Unit) => Host,
  { keys, now }: PlanRequest,
): Promise<ServiceObject[]> {
  const material = await materialOf(keystore, unit, keys, now);
  const directory = new ServiceDirectory(hostOf(unit), unit.dir);
  const state = await directory.look();
  const difference = await differenceOf(directory, state, unit, material);
  const { certificate, trust, crl } = difference;
  if (certificate || trust || crl) (await findKey({ unit, directory, material }, state)).fill(0);
  const changes = certificate || trust || crl || isUnfinished(state);
  return unit.services.map(({ service, abilities }) => ({
    ...identity(unit, service),
    state: changes ? 'pending' : 'unchanged',
    steps: changes ? stepsOf(service, abilities, difference, material) : [],
  }));
}

function stepsOf(
  { dir, address, kind }: { dir: string; address: string | undefined; kind: string },
  abilities: Abilities,
  { certificate, trust, crl, keyIsThere }: Omit<Difference, 'first'>,
  material?: Material,
): string[] {
  const what = [
    ...(certificate ? [keyIsThere ? 'certificate' : 'certificate and key'] : []),
    ...(trust ? ['trust bundle'] : []),
    ...(crl ? ['CRL'] : []),
  ].join(', ');
  // Where all is placed already, what an earlier run began is made known.
  const how = new Set([
    ...(certificate || crl || what === '' ? [abilities.certificate] : []),
    ...(trust || what === '' ? [abilities.trust] : []),
  ]);
  const reload = how.has('restart')
    ? ['restart it']
    : how.has('reload')
      ? ['reload it']
      : how.has('handshake')
        ? ['nothing to reload: it reads them at each handshake']
        : [];
  const seen = address !== undefined && kind !== 'files';
  const expected = certificate ? 'the new certificate' : 'what it serves now';
  return [
    what === 'CRL'
      ? 'pre-flight: a current CRL of every CA'
      : 'pre-flight: key, path, purposes, names, what the peers trust',
    ...(what === '' ? [] : [`place ${what} in ${dir}`]),
    ...reload,
    ...(seen
      ? [
          `confirm that ${address} serves ${material === undefined ? expected : `${material.fingerprint.slice(0, 16)}…`}, else put the previous files back`,
        ]
      : []),
  ];
}

/** What a new CRL would be given to. */
export function crlPlan(units: readonly Unit[]): ServiceObject[] {
  const difference = { certificate: false, trust: false, crl: true, keyIsThere: true };
  return units.flatMap((unit) =>
    unit.services.map(({ service, abilities }) => ({
      ...identity(unit, service),
      state: 'pending' as const,
      steps: stepsOf(service, abilities, difference),
    })),
  );
}

/** What `rotate --deploy` would do with certificates that are yet to be made. */
export function rotationPlan({ units, atOnce }: { units: readonly Unit[]; atOnce: number }): DeployDocument {
  const services = units.flatMap((unit) =>
    unit.services.map(
      ({ service, abilities }): ServiceObject => ({
        ...identity(unit, service),
        state: 'pending',
        steps: stepsOf(service, abilities, { certificate: true, trust: false, crl: false, keyIsThere: false }),
      }),
    ),
  );
  const nodes = [...new Set(units.map(({ holder }) => holder.name))].map((node) => ({ node, rank: 0 }));
  return { services, waves: planWaves(nodes, atOnce), dryRun: true };
}
