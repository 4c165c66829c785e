import { ClusterCaError } from '../../errors.ts';
import { inventoryItems } from '../../inventory/items.ts';
import type { CertifiedItem } from '../../issuance/certify.ts';
import { csrKeyType, readCsrBytes, requestedNames } from '../../issuance/csr-input.ts';
import { describeItem, type IssueItem } from '../../issuance/item.ts';
import { defaultDnsName } from '../../issuance/names.ts';
import { PROBE } from '../../issuance/probe.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { formatGeneralName, ipName } from '../../pki/x509/general-name.ts';
import { itemOf } from '../../rotation/select.ts';
import type { Service } from '../service.ts';

const CSR = 'the certification request';

/** What a node may have on a plane: as the inventory says, else as it has it; undefined when neither says anything. */
async function knownItem(
  { inventory }: Pick<Service, 'inventory'>,
  keystore: Keystore,
  node: string,
  plane: string,
): Promise<IssueItem | undefined> {
  const read = inventory.get();
  const listed = read && inventoryItems(read, keystore.state);
  const item = listed?.find((one) => one.kind === 'node' && one.name === node && one.plane === plane);
  if (item !== undefined) return item;
  const row = await keystore.query((index) => index.current('node', node, plane));
  return row === undefined ? undefined : itemOf(keystore, row);
}

/**
 * What a node that is there may have on a plane on which something was issued to it. That the inventory has the plane is
 * not enough: whoever has the key of one plane would have those of the others.
 * @throws ERR_NOT_FOUND where nothing was
 */
export async function renewalItem(
  service: Pick<Service, 'inventory'>,
  keystore: Keystore,
  node: string,
  plane: string,
): Promise<IssueItem> {
  const has = await keystore.query((index) => index.current('node', node, plane));
  const item = has && (await knownItem(service, keystore, node, plane));
  if (item !== undefined) return item;
  throw new ClusterCaError('ERR_NOT_FOUND', `nothing was ever issued to ${node} on plane ${plane}`, {
    hint: `an operator gives it the first: cluster-ca join-token ${node} --plane ${plane}, or cluster-ca issue ${node} --plane ${plane}`,
  });
}

/** What a node that joins is given: of one that nothing is known of, what `issue NODE` gives. */
export async function joiningItem(
  service: Pick<Service, 'inventory'>,
  keystore: Keystore,
  node: string,
  plane: string,
): Promise<IssueItem> {
  const { policy } = keystore.state;
  return (
    (await knownItem(service, keystore, node, plane)) ?? {
      kind: 'node',
      name: node,
      plane,
      profile: 'peer',
      dns: [defaultDnsName(node, policy)],
      ip: [],
      keyType: policy.nodeKeyType,
      wildcards: false,
    }
  );
}

/**
 * The item with the key of a certification request, which may name what the item names and nothing else.
 * @throws ERR_USAGE, ERR_POLICY for a request that is none, or asks for more
 */
export function withKey(item: IssueItem, pem: string, keystore: Keystore): CertifiedItem {
  const accepted = asUsage(() => readCsrBytes(new TextEncoder().encode(pem), CSR));
  const asked = accepted.names.length === 0 ? undefined : requestedNames(accepted, CSR, item, keystore.state.policy);
  const more = [
    ...(asked?.dns ?? []).filter((name) => !item.dns.includes(name)),
    ...(asked?.ip ?? []).filter((address) => !item.ip.some((own) => sameAddress(own, address))),
  ];
  if (more.length > 0)
    throw new ClusterCaError('ERR_POLICY', `${describeItem(item)} asks for a name it has not: ${more[0]}`, {
      hint: 'names are given by the inventory, or by an operator: cluster-ca issue NODE --dns NAME',
    });
  return { ...item, publicKey: accepted.csr.publicKey.der, keyType: csrKeyType(accepted, item.keyType) };
}

/** The key of a request for probes. @throws ERR_USAGE, ERR_POLICY for a request that is none, or a key of another type */
export function probeKey(pem: string): Uint8Array {
  const accepted = asUsage(() => readCsrBytes(new TextEncoder().encode(pem), CSR));
  if (csrKeyType(accepted, 'rsa-2048') !== PROBE.keyType)
    throw new ClusterCaError('ERR_POLICY', `${CSR} is not for a key of the type ${PROBE.keyType}`);
  return accepted.csr.publicKey.der;
}

function sameAddress(a: string, b: string): boolean {
  return formatGeneralName(ipName(a)) === formatGeneralName(ipName(b));
}

/** What is wrong with the request is the caller's mistake, not the daemon's configuration. */
function asUsage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ClusterCaError) || error.code !== 'ERR_CONFIG') throw error;
    throw new ClusterCaError('ERR_USAGE', error.message, { hint: error.hint, cause: error });
  }
}
