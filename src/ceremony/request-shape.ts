import { authority, cluster, keyType, sealedKey, slot } from '../keystore/log/parts.ts';
import {
  base64,
  hex,
  integer,
  list,
  oneOf,
  optional,
  record,
  type Shaped,
  text,
  timestamp,
} from '../keystore/shape.ts';

// What is written in a request.

/**
 * What a root on another machine can be asked for: its CRL; a new issuing CA; a new root to follow it; its last CRL,
 * before it goes; that keys which the log says were destroyed are removed there.
 */
export type CeremonyKind = (typeof KINDS)[number];
const KINDS = ['crl', 'issuing', 'root', 'last-crl', 'destroy'] as const;

/** What decides what new CAs say, but for the new root's key. */
const newCa = record({
  generation: integer,
  /** Of the issuing CA among those of its generation. */
  number: integer,
  keyType,
  /** Seconds. */
  rootLifetime: integer,
  issuingLifetime: integer,
  domains: list(text),
  permitIp: list(text),
  /** Serial numbers, in the order of the certificates. */
  serials: list(hex(20), 4),
  /** The issuing CA's key: its public half, and where it is sealed here. */
  spki: base64,
  sealed: sealedKey,
});
export type NewCa = Shaped<typeof newCa>;

export const request = record({
  v: integer,
  type: oneOf(...KINDS),
  cluster,
  createdAt: timestamp,
  /** The root that signs, and what opens its key. */
  authority,
  slots: list(slot),
  /** A CRL of that root, up to its signature. */
  tbs: optional(base64),
  ca: optional(newCa),
  /** The roots whose keys were destroyed. */
  destroyed: optional(list(authority)),
});
/** What a root CA on another machine is asked for. */
export type CeremonyRequest = Shaped<typeof request>;
