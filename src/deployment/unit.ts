import { normalize } from 'node:path/posix';
import { ClusterCaError } from '../errors.ts';
import type { Service } from '../inventory/services.ts';
import { targetOf } from '../targets/index.ts';
import type { Abilities, Target } from '../targets/target.ts';

/** A service with how its kind takes files. */
export interface Deployable {
  service: Service;
  target: Target;
  options: unknown;
  abilities: Abilities;
}

/** One directory that is given one set of files, and the services that read it. */
export interface Unit {
  holder: Service['holder'];
  plane: string;
  ssh: string | undefined;
  dir: string;
  services: Deployable[];
}

/** Kinds that are told where they serve, or by a socket. */
const ASKED = new Set(['redis', 'sentinel', 'etcd']);

/**
 * Groups services by the directory that they read.
 * @throws ERR_CONFIG, with line and column, for a `reload` that its kind does not understand, and for one directory
 *   that is to hold the certificates of two
 */
export function unitsOf(services: readonly Service[]): Unit[] {
  const units = new Map<string, Unit>();
  for (const service of services) {
    const deployable = deployableOf(service);
    const { holder, plane, ssh } = service;
    if (!service.dir.startsWith('/')) throw bad(service.at('dir'), `dir: ${service.dir} is not an absolute path`);
    // One directory, however it is written.
    const dir = normalize(service.dir).replace(/(?<=.)\/$/, '');
    const key = `${ssh ?? ''} ${dir}`;
    const unit = units.get(key);
    if (unit === undefined) {
      units.set(key, { holder, plane, ssh, dir, services: [deployable] });
      continue;
    }
    const first = unit.services[0]?.service;
    if (unit.holder.kind !== holder.kind || unit.holder.name !== holder.name || unit.plane !== plane)
      throw bad(service.at('dir'), `${dir} is ${first?.label}'s directory too, with another certificate`);
    if (first?.owner !== service.owner || first?.keyMode !== service.keyMode)
      throw bad(service.at('dir'), `${dir} is ${first?.label}'s directory too, with another owner or keyMode`);
    unit.services.push(deployable);
  }
  return [...units.values()];
}

/** Which CRLs a directory's crl.pem holds. Two readers that want different ones cannot share it. @throws ERR_CONFIG */
export function crlKind({ services }: Unit): Abilities['crl'] {
  const kinds = new Set(services.map(({ abilities }) => abilities.crl).filter((kind) => kind !== 'none'));
  const [only = 'none'] = kinds;
  if (kinds.size < 2) return only;
  throw bad(
    services[1]?.service.where ?? '',
    'two services read this crl.pem, one of them the CRL of the issuing CA alone: give each a directory of its own',
  );
}

function deployableOf(service: Service): Deployable {
  const target = targetOf(service.kind);
  if (target === undefined) throw bad(service.where, `cannot deploy to ${service.kind}`);
  if (service.address === undefined && ASKED.has(service.kind) && service.reload.socket === undefined)
    throw bad(service.where, `${service.kind} wants an address: it is told there to take its files`);
  const parsed = target.options.safeParse(service.reload);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const keys = (issue?.path ?? []).map((key) => (typeof key === 'symbol' ? String(key) : key));
    const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
    const all = ['reload', ...keys, ...(unknown === undefined ? [] : [unknown])];
    const what = unknown === undefined ? (issue?.message ?? 'is not understood') : `is not known to ${service.kind}`;
    throw bad(service.at(...all), `${all.join('.')}: ${what}`);
  }
  return { service, target, options: parsed.data, abilities: target.abilities(parsed.data) };
}

function bad(where: string, problem: string): ClusterCaError {
  return new ClusterCaError('ERR_CONFIG', `${where}: ${problem}`, {
    hint: 'docs/servers/ shows what each kind of server takes',
  });
}
