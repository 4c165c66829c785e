import { ClusterCaError } from '../errors.ts';
import { inventoryItems } from '../inventory/items.ts';
import { readInventory } from '../inventory/read.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { KEY_TYPES, type KeyType } from '../pki/x509/algorithm.ts';
import { csrKeyType, findCsrs, readCsr, requestedNames } from './csr-input.ts';
import type { IssueItem } from './item.ts';
import { checkClientName, checkDnsName, checkIpAddress, checkNodeName, checkPlanes, defaultDnsName } from './names.ts';

/** What the flags of `issue` say. */
export interface IssueFlags {
  plane?: string[] | undefined;
  dns?: string[] | undefined;
  ip?: string[] | undefined;
  lifetime?: number | undefined;
  profile?: string | undefined;
  keyType?: string | undefined;
  csr?: string | undefined;
  csrDir?: string | undefined;
  client?: boolean | undefined;
  role?: string | undefined;
  inventory?: string | undefined;
}

/**
 * What the words and flags of `issue` ask for, every default filled in.
 * @throws ERR_USAGE, ERR_CONFIG; ERR_POLICY for a request that this CA does not certify
 */
export function buildItems(names: string[], flags: IssueFlags, keystore: Keystore): IssueItem[] {
  checkCombination(names, flags);
  if (flags.csrDir !== undefined) return csrDirItems(names, flags, flags.csrDir, keystore);
  if (flags.inventory !== undefined)
    return narrowed(inventoryItems(readInventory(flags.inventory), keystore.state), names, flags, keystore);
  return uniqueNames(names).flatMap((name) =>
    flags.client ? [clientItem(name, flags, keystore)] : nodeItems(name, flags, keystore),
  );
}

function checkCombination(names: string[], flags: IssueFlags): void {
  const { csr, csrDir, inventory, client } = flags;
  const refuse = (message: string, hint?: string): never => {
    throw new ClusterCaError('ERR_USAGE', message, { hint });
  };
  if (names.length === 0 && csrDir === undefined && inventory === undefined)
    refuse('which node?', 'cluster-ca issue NODE, or --inventory cluster.yaml for all of them');
  if (names.length > 1)
    for (const [flag, value] of Object.entries({ dns: flags.dns, ip: flags.ip, csr }))
      if (value !== undefined) refuse(`--${flag} goes with one NODE, not with ${names.length}`);
  if (csr !== undefined && csrDir !== undefined) refuse('--csr and --csr-dir exclude each other');
  if (inventory !== undefined && (csr !== undefined || csrDir !== undefined))
    refuse('--inventory goes with neither --csr nor --csr-dir');
  if (inventory !== undefined)
    for (const [flag, value] of Object.entries({
      dns: flags.dns,
      ip: flags.ip,
      profile: flags.profile,
      role: flags.role,
      client,
    }))
      if (value !== undefined) refuse(`--${flag} goes into the inventory`, 'write it there, or leave --inventory out');
  if (client && (flags.plane !== undefined || flags.dns !== undefined || flags.ip !== undefined))
    refuse('a client has no plane, no DNS name and no address');
  if (client && flags.profile !== undefined && flags.profile !== 'client') refuse('a client has the client profile');
  if (!client && flags.role !== undefined) refuse('--role goes with --client');
  if (flags.role !== undefined && flags.role !== 'operator' && flags.role !== 'auditor')
    refuse(`no such role: ${flags.role}`, 'operator or auditor');
  if (csr !== undefined && !client && flags.plane?.length !== 1)
    refuse('--csr is for one plane', 'name it with --plane');
  if ((csr !== undefined || csrDir !== undefined) && flags.keyType !== undefined)
    refuse('the key type is that of the request: leave --key-type out');
}

function nodeItems(name: string, flags: IssueFlags, keystore: Keystore): IssueItem[] {
  checkNodeName(name);
  const { policy } = keystore.state;
  const planes = checkPlanes(flags.plane ?? policy.planes, policy);
  const own = { dns: flags.dns?.map(checkDnsName), ip: flags.ip?.map(checkIpAddress) };
  const profile = checkProfile(flags.profile);
  const keyType = checkKeyType(flags.keyType, policy.nodeKeyType);
  return planes.map((plane): IssueItem => {
    const base = {
      kind: 'node' as const,
      name,
      plane,
      profile,
      lifetime: flags.lifetime,
      wildcards: own.dns !== undefined,
    };
    const dns = own.dns ?? [defaultDnsName(name, policy)];
    if (flags.csr === undefined) return { ...base, dns, ip: own.ip ?? [], keyType };
    return withCsr(
      { ...base, dns, ip: own.ip ?? [], keyType },
      flags.csr,
      own.dns !== undefined || own.ip !== undefined,
      keystore,
    );
  });
}

function clientItem(name: string, flags: IssueFlags, keystore: Keystore): IssueItem {
  checkClientName(name);
  const keyType = checkKeyType(flags.keyType, keystore.state.policy.nodeKeyType);
  const item: IssueItem = {
    kind: 'client',
    name,
    plane: '',
    profile: 'client',
    dns: [],
    ip: [],
    role: flags.role,
    keyType,
    lifetime: flags.lifetime,
    wildcards: false,
  };
  return flags.csr === undefined ? item : withCsr(item, flags.csr, true, keystore);
}

/** Takes the key of a request and, where none were given, its names; it always has a DNS name. */
function withCsr(item: IssueItem, path: string, namesGiven: boolean, keystore: Keystore): IssueItem {
  const accepted = readCsr(path);
  const keyed = { ...item, publicKey: accepted.csr.publicKey.der, keyType: csrKeyType(accepted, item.keyType) };
  if (namesGiven || accepted.names.length === 0) return keyed;
  const { dns, ip } = requestedNames(accepted, path, item, keystore.state.policy);
  return { ...keyed, dns: dns.length === 0 ? item.dns : dns, ip, wildcards: false };
}

function csrDirItems(names: string[], flags: IssueFlags, directory: string, keystore: Keystore): IssueItem[] {
  const { policy } = keystore.state;
  const planes = checkPlanes(flags.plane ?? policy.planes, policy);
  const found = findCsrs(directory, planes).filter(({ name }) => names.length === 0 || names.includes(name));
  for (const name of names)
    if (!found.some((csr) => csr.name === name))
      throw new ClusterCaError('ERR_NOT_FOUND', `there is no request.pem of ${name} below ${directory}`);
  return found.flatMap(({ kind, name, plane, path }) => {
    const single = { ...flags, csrDir: undefined, csr: path };
    return kind === 'client'
      ? [clientItem(name, single, keystore)]
      : nodeItems(name, { ...single, plane: [plane] }, keystore);
  });
}

/** A NODE narrows an inventory, planes too; lifetime and key type given by flag hold for all. @throws ERR_NOT_FOUND */
function narrowed(items: IssueItem[], names: string[], flags: IssueFlags, keystore: Keystore): IssueItem[] {
  for (const name of names)
    if (!items.some((item) => item.name === name))
      throw new ClusterCaError('ERR_NOT_FOUND', `the inventory has no node or client ${name}`);
  const planes = flags.plane && checkPlanes(flags.plane, keystore.state.policy);
  if (names.length === 0 && planes === undefined && flags.lifetime === undefined && flags.keyType === undefined)
    return items;
  return items
    .filter((item) => names.length === 0 || names.includes(item.name))
    .filter((item) => planes === undefined || planes.includes(item.plane))
    .map((item) => ({
      ...item,
      lifetime: flags.lifetime ?? item.lifetime,
      keyType: checkKeyType(flags.keyType, item.keyType),
    }));
}

function checkProfile(profile: string | undefined): 'peer' | 'server' | 'client' {
  if (profile === undefined) return 'peer';
  if (profile === 'peer' || profile === 'server' || profile === 'client') return profile;
  throw new ClusterCaError('ERR_USAGE', `no such profile: ${profile}`, { hint: 'peer, server or client' });
}

/** @throws ERR_USAGE */
export function checkKeyType(keyType: string | undefined, fallback: KeyType): KeyType {
  if (keyType === undefined) return fallback;
  const found = KEY_TYPES.find((known) => known === keyType);
  if (found === undefined)
    throw new ClusterCaError('ERR_USAGE', `no such key type: ${keyType}`, { hint: `one of ${KEY_TYPES.join(', ')}` });
  return found;
}

function uniqueNames(names: string[]): string[] {
  return [...new Set(names)];
}
