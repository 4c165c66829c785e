import { ClusterCaError, isClusterCaError } from '../errors.ts';
import type { IssueItem } from '../issuance/item.ts';
import {
  checkClientName,
  checkDnsName,
  checkIpAddress,
  checkNodeName,
  checkPlanes,
  defaultDnsName,
} from '../issuance/names.ts';
import type { Policy } from '../keystore/log/bodies.ts';
import type { LogState } from '../keystore/log/state.ts';
import type { KeyType } from '../pki/x509/algorithm.ts';
import { formatGeneralName, ipName } from '../pki/x509/general-name.ts';
import { parseDuration } from '../values/duration.ts';
import type { Inventory } from './read.ts';

/**
 * What an inventory asks for: a certificate for each node and plane, one for each client.
 * @throws ERR_CONFIG with line and column for another cluster's inventory, illegal names and unknown planes
 */
export function inventoryItems(inventory: Inventory, state: Pick<LogState, 'cluster' | 'policy'>): IssueItem[] {
  const { document, at } = inventory;
  if (document.cluster !== state.cluster)
    throw new ClusterCaError(
      'ERR_CONFIG',
      `${at('cluster')}: this is the inventory of ${document.cluster}, but the keystore is of ${state.cluster}`,
    );
  return [...nodeItems(inventory, state), ...clientItems(inventory, state)];
}

function nodeItems(inventory: Inventory, { policy }: Pick<LogState, 'policy'>): IssueItem[] {
  const { document, at } = inventory;
  const { defaults = {}, nodes = {} } = document;
  const items: IssueItem[] = [];
  for (const [name, node] of Object.entries(nodes)) {
    located(
      () => at('nodes', name),
      () => checkNodeName(name),
    );
    const planes = located(
      () => at('nodes', name, 'planes'),
      () => checkPlanes(node.planes ?? policy.planes, policy),
    );
    const { dns, ip, originOf } = namesOf(name, inventory, policy);
    for (const plane of planes)
      items.push({
        kind: 'node',
        name,
        plane,
        profile: node.profile ?? 'peer',
        dns,
        ip,
        keyType: (node.keyType ?? defaults.keyType ?? policy.nodeKeyType) as KeyType,
        lifetime: seconds(node.lifetime ?? defaults.lifetime),
        wildcards: node.dns !== undefined,
        origin: () => at('nodes', name),
        originOf,
      });
  }
  return items;
}

/** The names that a node is given, or has by default, and where in the file each stands. */
function namesOf(
  name: string,
  { document, at }: Inventory,
  policy: Policy,
): Required<Pick<IssueItem, 'dns' | 'ip' | 'originOf'>> {
  const node = document.nodes?.[name] ?? {};
  const dnsAt = (i: number) => (node.dns === undefined ? at('defaults', 'dns', i) : at('nodes', name, 'dns', i));
  const ipAt = (i: number) => at('nodes', name, 'ip', i);
  const templates = node.dns ?? document.defaults?.dns;
  const dns = (templates ?? [defaultDnsName(name, policy)]).map((template, i) =>
    located(
      () => dnsAt(i),
      () => checkDnsName(expand(template, name)),
    ),
  );
  const ip = (node.ip ?? []).map((address, i) =>
    located(
      () => ipAt(i),
      () => checkIpAddress(address),
    ),
  );
  const originOf = (text: string): string | undefined => {
    const dnsIndex = templates === undefined ? -1 : dns.findLastIndex((value) => `DNS:${value}` === text);
    if (dnsIndex >= 0) return dnsAt(dnsIndex);
    const ipIndex = ip.findLastIndex((value) => formatGeneralName(ipName(value)) === text);
    return ipIndex < 0 ? undefined : ipAt(ipIndex);
  };
  return { dns, ip, originOf };
}

function clientItems({ document, at }: Inventory, { policy }: Pick<LogState, 'policy'>): IssueItem[] {
  const { defaults = {}, clients = {} } = document;
  return Object.entries(clients).map(([name, client]) => {
    located(
      () => at('clients', name),
      () => checkClientName(name),
    );
    return {
      kind: 'client',
      name,
      plane: '',
      profile: 'client',
      dns: [],
      ip: [],
      role: client.role,
      keyType: (client.keyType ?? defaults.keyType ?? policy.nodeKeyType) as KeyType,
      lifetime: seconds(client.lifetime ?? defaults.lifetime),
      wildcards: false,
      origin: () => at('clients', name),
    };
  });
}

/** `{node}` is the only placeholder. */
function expand(template: string, node: string): string {
  const text = template.replaceAll('{node}', node);
  if (/[{}]/.test(text))
    throw new ClusterCaError('ERR_CONFIG', `{node} is the only placeholder: ${JSON.stringify(template)}`);
  return text;
}

function seconds(duration: string | undefined): number | undefined {
  return duration === undefined ? undefined : parseDuration(duration);
}

/** Adds where it stands to what is wrong with it. */
function located<T>(where: () => string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!isClusterCaError(error)) throw error;
    throw new ClusterCaError('ERR_CONFIG', `${where()}: ${error.message}`, {
      hint: error.hint,
      details: error.details,
    });
  }
}
