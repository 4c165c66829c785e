import { FORMS, PHASES } from '../../rollover/phase.ts';
import { base64, flag, hex, integer, list, oneOf, optional, pattern, record, type Shaped, text } from '../shape.ts';
import { authority, authorityId, crl, plane, sealedKey, slot } from './parts.ts';

// Operations of a rollover, and of what else changes the anchors and CAs (docs/keystore-format.md §5).

/** What a person is shown: no control character, no half of a surrogate pair. */
const shown = pattern(/^(?:(?![\p{Cc}\p{Cs}]).){1,300}$/u, 'a text of at most 300 characters');
const holderKind = oneOf('node', 'client');
const name = pattern(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/, 'a name');

/** A root whose key is not ours, and its CRL where it was given. */
const foreign = record({ certificate: base64, crls: optional(list(base64, 16)) });

const start = record({
  form: oneOf(...FORMS),
  /** Of the form `root`: the new root and its issuing CA. */
  authorities: list(authority, 2),
  /** The new root's certificate over the audit key. */
  auditCertificate: optional(base64),
  /** A certificate for the new root's key, signed by the old one. */
  newWithOld: optional(base64),
  /** Of the form `foreign`: the root that goes. */
  foreign: optional(foreign),
  /** Every step has so many seconds; who misses it is excluded. */
  emergency: optional(record({ deadline: integer })),
  /** The backup that holds the new keys, where it was kept. */
  backup: optional(record({ id: hex(16), root: flag })),
});
export type RolloverStart = Shaped<typeof start>;

/** A new master key of the root domain, as a `rewrap` record has it: the keys that stay, and all live slots. */
const rewrapped = record({
  authorities: list(record({ id: authorityId, sealed: sealedKey })),
  slots: list(slot),
});
export type Rewrapped = Shaped<typeof rewrapped>;

/** One step from a phase to another. `destroyed`: the CAs whose keys are removed once this record is durable. */
export const phaseBody = record({
  from: oneOf(...PHASES),
  to: oneOf(...PHASES),
  start: optional(start),
  crls: optional(list(crl)),
  destroyed: optional(list(authorityId)),
  rewrapped: optional(rewrapped),
});
export type PhaseBody = Shaped<typeof phaseBody>;

/** In `rollback`: the new root goes out of the bundles. */
export const withdrawBody = record({});

const holder = record({ kind: holderKind, name });
/** Who is left out of a rollover, by an operator's word. */
export const excludeBody = record({ holders: list(holder, 4096) });
export type Excluded = Shaped<typeof holder>;

const confirmed = { kind: holderKind, name, bundle: optional(hex(32)), certificate: optional(hex(32)) };
/** The operator's word for who cannot be probed: what it trusts (SHA-256 of its trust bundle), what it shows. */
export const confirmBody = record(confirmed);

const proof = record({
  kind: holderKind,
  name,
  plane: optional(plane),
  /** As the inventory says: `redis 127.0.0.1:7001`. */
  service: text,
  role: oneOf('accept', 'connect'),
  trustsOld: optional(flag),
  trustsNew: optional(flag),
  serves: optional(oneOf('old', 'new')),
  provenBy: optional(oneOf('handshake', 'file', 'agent', 'declared')),
  /** SHA-256 of what proves it: the certificate that was served, or the bundle on disk. */
  fingerprint: optional(hex(32)),
  /** When, milliseconds since 1970. */
  at: integer,
  error: optional(shown),
  /** More of how it is known, in the role `connect`. */
  how: optional(shown),
  /** In the role `accept`: it checks no certificate, and so has no trust to prove. */
  checksNone: optional(flag),
});
/** What is known of one service in one role, and how. */
export type Proof = Shaped<typeof proof>;
/**
 * The last proofs: each replaces the one of the same holder, service and role. `ask`: whoever can reach the agents is to
 * have them prove what they see; `answers`: the number of the newest such record that has been done.
 */
export const evidenceBody = record({ proofs: list(proof, 500), ask: optional(flag), answers: optional(integer) });

/** A new issuing CA under the same root; `domains` and `permitIp` are the policy's from here on. */
export const issuingBody = record({
  authority,
  crls: list(crl, 4),
  domains: list(text),
  permitIp: list(text),
});

/** CAs of another PKI between its root and an issuing CA that follows. */
export const intermediatesBody = record({ authorities: list(authority, 8) });

/** Further anchors of the trust bundles; `remove` by SHA-256 of their DER. */
export const trustBody = record({ add: list(base64, 16), remove: list(hex(32), 64) });

/** One of them, and since when; milliseconds since 1970. */
export const trustedAnchor = record({ certificate: base64, addedAt: integer });
export type TrustedAnchor = Shaped<typeof trustedAnchor>;

/** A rollover in progress, or done; `stable` where a foreign CA's takeover was taken back. Times in milliseconds since 1970. */
export const rolloverState = record({
  form: oneOf(...FORMS),
  phase: oneOf(...PHASES),
  /** When the phase began. */
  since: integer,
  startedAt: integer,
  /** When what is to be trusted last changed, and who is to issue: what operators confirmed before says nothing since. */
  trustSince: integer,
  issuerSince: integer,
  /** The root that comes. */
  new: authorityId,
  /** The root that goes, where it is ours. */
  old: optional(authorityId),
  foreign: optional(foreign),
  /** The foreign CA that the cluster rested on before, where an earlier takeover was taken back. */
  rested: optional(foreign),
  newWithOld: optional(base64),
  emergency: optional(record({ deadline: integer })),
  withdrawn: optional(flag),
  excluded: optional(list(record({ kind: holderKind, name, at: integer }))),
  confirmed: optional(list(record({ ...confirmed, at: integer }))),
  evidence: optional(list(proof, 16_384)),
  /** The number of the record that asked for proofs of agents last, and of the newest that was answered. */
  asked: optional(integer),
  answered: optional(integer),
});
export type RolloverState = Shaped<typeof rolloverState>;
export type Confirmed = NonNullable<RolloverState['confirmed']>[number];
