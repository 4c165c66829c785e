import type { Kind, Policy } from '../keystore/log/bodies.ts';
import type { EndEntityProfileName } from '../keystore/pack.ts';
import type { KeyType } from '../pki/x509/algorithm.ts';
import { formatGeneralName, type GeneralName } from '../pki/x509/general-name.ts';
import { spiffeId, subjectAltNames } from './names.ts';

/** One certificate that is asked for: complete, every default filled in. */
export interface IssueItem {
  kind: 'node' | 'client';
  name: string;
  /** '' for a client. */
  plane: string;
  profile: EndEntityProfileName;
  dns: string[];
  ip: string[];
  role?: string | undefined;
  keyType: KeyType;
  /** Seconds, where it was asked for; else the policy's, capped at the issuer's end. */
  lifetime?: number | undefined;
  /** The public key of an accepted certification request: no key is made. */
  publicKey?: Uint8Array | undefined;
  /** Wildcards were asked for by hand. */
  wildcards: boolean;
  /** Where it stands in the file that asks for it, for errors: `cluster.yaml:12:5`. */
  origin?: (() => string) | undefined;
  /** The same of one of its names, by its text: `DNS:a.example`; undefined for a name that no file gives it. */
  originOf?: ((name: string) => string | undefined) | undefined;
}

/** The names its certificate will carry. */
export function itemNames(item: Omit<IssueItem, 'kind'> & { kind: Kind }, policy: Policy): GeneralName[] {
  return subjectAltNames(item.dns, item.ip, spiffeId(policy, item));
}

/** The same as text, for comparing with a certificate's. */
export function itemNameTexts(item: IssueItem, policy: Policy): string[] {
  return itemNames(item, policy).map(formatGeneralName);
}

/** `redis-1 on plane data`, or `client app`. */
export function describeItem(item: { kind: string; name: string; plane: string }): string {
  return item.kind === 'node' ? `${item.name} on plane ${item.plane}` : `client ${item.name}`;
}
