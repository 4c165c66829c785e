import type { Host } from '../hosts/host.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Abilities } from '../targets/target.ts';
import { type Difference, differenceOf } from './change.ts';
import { type DeployDocument, identity, type ServiceObject } from './document.ts';
import { type Material, materialOf } from './material.ts';
import { ServiceDirectory } from './service-directory.ts';
import type { Unit } from './unit.ts';
import { planWaves } from './waves.ts';

/**
 * What a run would do, by what is on disk: nobody is asked with a certificate, no passphrase is needed, nothing is
 * changed. Which node is a primary is only known when the servers are asked.
 */
export async function planDeployment(
  keystore: Keystore,
  units: readonly Unit[],
  hostOf: (unit: Unit) => Host,
  request: { keys: readonly string[]; now: Date; atOnce: number },
): Promise<DeployDocument> {
  const services: ServiceObject[] = [];
  const busy = new Set<string>();
  for (const unit of units) {
    const material = await materialOf(keystore, unit, request.keys, request.now);
    const difference = await differenceOf(new ServiceDirectory(hostOf(unit), unit.dir), unit, material);
    const changes = difference.certificate || difference.trust || difference.crl;
    if (changes) busy.add(unit.holder.name);
    for (const { service, abilities } of unit.services)
      services.push({
        ...identity(unit, service),
        state: changes ? 'pending' : 'unchanged',
        steps: changes ? stepsOf(service, abilities, difference, material) : [],
      });
  }
  const waves = planWaves(
    [...busy].map((node) => ({ node, rank: 0 })),
    request.atOnce,
  );
  return { services, waves, dryRun: true };
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
  const how = new Set([
    ...(certificate ? [abilities.certificate] : []),
    ...(trust ? [abilities.trust] : []),
    ...(crl ? [abilities.certificate] : []),
  ]);
  const reload = how.has('restart')
    ? ['restart it']
    : how.has('reload')
      ? ['reload it']
      : how.has('handshake')
        ? ['nothing to reload: it reads them at each handshake']
        : [];
  const seen = address !== undefined && kind !== 'files';
  return [
    'pre-flight: key, path, purposes, names, what the peers trust',
    `place ${what} in ${dir}`,
    ...reload,
    ...(seen
      ? [
          `confirm that ${address} serves ${material === undefined ? 'the new certificate' : `${material.fingerprint.slice(0, 16)}…`}, else put the previous files back`,
        ]
      : []),
  ];
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
