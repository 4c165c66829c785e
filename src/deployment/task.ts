import type { ClientCertificate } from '../endpoint/handshake.ts';
import type { ClusterCaError } from '../errors.ts';
import type { OldConnections, Session } from '../targets/target.ts';
import type { Judge } from './judge.ts';
import type { Material } from './material.ts';
import type { Peer } from './peers.ts';
import type { CrlEnd } from './preflight.ts';
import { askServed, type Served } from './served.ts';
import type { ServiceDirectory } from './service-directory.ts';
import type { Deployable, Unit } from './unit.ts';

export type ServiceState = 'confirmed' | 'placed' | 'unchanged' | 'pending' | 'failed';

/** What became of one service. */
export interface ServiceResult {
  deployable: Deployable;
  state: ServiceState;
  /** SHA-256 of the certificate that it serves, as far as it was seen. */
  served?: string;
  error?: ClusterCaError;
  /** Connections that still rest on an older certificate. */
  old?: OldConnections;
}

/** What a run brings to every unit. */
export interface UnitContext {
  /** The CRLs that there are to be, as they are now. */
  crls: () => readonly CrlEnd[];
  client: ClientCertificate;
  judge: Judge;
  peers: readonly Peer[];
  /** Generations that units of this run have, by their names, which are made once. */
  taken: Map<string, Unit>;
  /** SHA-256 of what services that have failed serve, as far as it was seen. */
  seen: Map<Deployable, string>;
  /** Services that have failed and serve nobody any more, or do not let us in any more. */
  lost: Set<Deployable>;
  /** What a unit is to be given, as the log is now. @throws as materialOf */
  material: (unit: Unit) => Promise<Material>;
  now: () => Date;
  /** Milliseconds to wait for another run in the same directory. */
  wait: number;
  /** Milliseconds that one step, and the confirmation, may take. */
  timeout: number;
  cycle: boolean;
  /** A CA is being taken over: its certificates and keys are kept, until there is no way back. */
  aside?: boolean;
  /** Only the CRL: certificate, key and trust bundle stay what they are. */
  onlyCrl: boolean;
  /** Which node, which step. */
  step: (unit: Unit, what: string) => void;
  warn: (message: string) => void;
}

/** One service of the unit with its session, and what it served before. */
export interface Open {
  deployable: Deployable;
  session: Session;
  served: Served | undefined;
}

/** One directory on its way: what it is given, and the services that read it. */
export interface Task {
  unit: Unit;
  directory: ServiceDirectory;
  material: Material;
  context: UnitContext;
  opened: readonly Open[];
}

/** Opens a service's session; nothing is connected to yet. */
export function open(deployable: Deployable, directory: ServiceDirectory, context: UnitContext): Open {
  const { service, target, options } = deployable;
  const session = target.open({
    service,
    options,
    host: directory.host,
    files: directory.files,
    client: context.client,
    judge: (chain) => context.judge.server(chain),
    timeout: patienceFor(deployable, context),
    warn: context.warn,
  });
  return { deployable, session, served: undefined };
}

/** What the inventory says for the reload holds for its proof too. */
export function patienceFor({ service, options }: Deployable, context: UnitContext): number {
  const { timeout } = options as { timeout?: number };
  return service.reload.timeout === undefined ? context.timeout : (timeout ?? context.timeout);
}

/** What a service serves now; undefined for one without an address. */
export async function ask({ service }: Deployable, client: ClientCertificate): Promise<Served | undefined> {
  const { address } = service;
  return address === undefined ? undefined : askServed({ ...service, address }, client);
}
