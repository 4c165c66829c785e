import { ClusterCaError } from '../errors.ts';
import type { Inventory } from './read.ts';

/** What a service runs on. */
export type ServiceKind = 'redis' | 'sentinel' | 'etcd' | 'postgres' | 'haproxy' | 'nginx' | 'files' | 'exec';

/** One service of the inventory, whose certificate it is, and where. */
export interface Service {
  holder: { kind: 'node' | 'client'; name: string };
  /** '' of a client. */
  plane: string;
  kind: ServiceKind;
  address: string | undefined;
  /** Where the same service would answer without TLS. */
  plaintext: string | undefined;
  /** `none`: it lets in whoever comes, and is meant to; its role `accept` has no trust. */
  verifyClient?: 'required' | 'none' | undefined;
  dir: string;
  /** Who owns the files, USER[:GROUP], and the mode of the key, `0640`; undefined: as those that are there. */
  owner: string | undefined;
  keyMode: string | undefined;
  /** What the kind needs to take new files; its schema is the kind's own. */
  reload: Record<string, unknown>;
  /** The host that `dir` is on, when it is not this one. */
  ssh: string | undefined;
  /** The name that messages have for it: `redis 127.0.0.1:7001`. */
  label: string;
  /** `cluster.yaml:12:5` */
  where: string;
  /** The same of a part of it: `at('reload', 'socket')`. */
  at: (...path: (string | number)[]) => string;
}

/**
 * Every service of an inventory, in its order.
 * @param planes the cluster's, for nodes that name none
 * @throws ERR_CONFIG with line and column for a plane that the node has not, or that is not said
 */
export function inventoryServices({ document, at }: Inventory, planes: readonly string[]): Service[] {
  const nodes = Object.entries(document.nodes ?? {}).flatMap(([name, node]) =>
    (node.services ?? []).map((service, i): Service => {
      const where = at('nodes', name, 'services', i);
      const own = node.planes ?? planes;
      return {
        holder: { kind: 'node', name },
        plane: planeOf(service.plane, own, where, name),
        ...placeOf(service, node.ssh, where, at('nodes', name, 'services', i, 'dir')),
        at: (...path) => at('nodes', name, 'services', i, ...path),
      };
    }),
  );
  const clients = Object.entries(document.clients ?? {}).flatMap(([name, client]) =>
    (client.services ?? []).map((service, i): Service => {
      const where = at('clients', name, 'services', i);
      if (service.plane !== undefined) throw bad(where, `a client has no plane`);
      return {
        holder: { kind: 'client', name },
        plane: '',
        ...placeOf(service, client.ssh, where, at('clients', name, 'services', i, 'dir')),
        at: (...path) => at('clients', name, 'services', i, ...path),
      };
    }),
  );
  return named([...nodes, ...clients]);
}

/** Several of one kind in one directory, none with an address, are told apart by their order. */
function named(services: readonly Service[]): Service[] {
  const seen = new Map<string, number>();
  return services.map((service) => {
    const { holder, plane, label } = service;
    const key = `${holder.kind} ${holder.name} ${plane} ${label}`;
    const count = (seen.get(key) ?? 0) + 1;
    seen.set(key, count);
    return count === 1 ? service : { ...service, label: `${label} (${count})` };
  });
}

interface ServiceEntry {
  kind: ServiceKind;
  address?: string | undefined;
  plaintext?: string | undefined;
  verifyClient?: 'required' | 'none' | undefined;
  dir: string;
  owner?: string | undefined;
  keyMode?: string | undefined;
  reload?: Record<string, unknown> | undefined;
}

function placeOf(
  { kind, address, plaintext, verifyClient, dir, owner, keyMode, reload = {} }: ServiceEntry,
  ssh: string | undefined,
  where: string,
  whereDir: string,
) {
  if (ssh !== undefined && !dir.startsWith('/'))
    throw new ClusterCaError('ERR_CONFIG', `${whereDir}: ${dir} is on ${ssh}, which wants an absolute path`);
  const label = `${kind} ${address ?? dir}`;
  return { kind, address, plaintext, verifyClient, dir, owner, keyMode, reload, ssh, label, where };
}

function planeOf(plane: string | undefined, own: readonly string[], where: string, node: string): string {
  if (plane === undefined) {
    if (own.length === 1) return own[0] as string;
    throw bad(where, `which plane? ${node} has ${own.join(' and ')}`);
  }
  if (!own.includes(plane)) throw bad(where, `${node} has no plane ${plane}`);
  return plane;
}

function bad(where: string, problem: string): ClusterCaError {
  return new ClusterCaError('ERR_CONFIG', `${where}: ${problem}`, { hint: 'say it in the service: plane: NAME' });
}
