import {
  base64,
  flag,
  hex,
  integer,
  list,
  oneOf,
  optional,
  pattern,
  record,
  type Shape,
  type Shaped,
  text,
  timestamp,
} from '../shape.ts';
import { agentChanges, agentNodes } from './agents.ts';
import { alertChanges, openAlert } from './alerts.ts';
import { joinToken, joinTokenMade, joinTokensEnded, joinTokenUsed } from './join-tokens.ts';
import { authority, authorityId, cluster, crl, keyType, plane, reason, sealedKey, slot } from './parts.ts';
import {
  confirmBody,
  evidenceBody,
  excludeBody,
  intermediatesBody,
  issuingBody,
  phaseBody,
  rolloverState,
  trustBody,
  trustedAnchor,
  withdrawBody,
} from './rollover.ts';

export {
  type Authority,
  type CrlRef,
  type Domain,
  type Kind,
  kind,
  plane,
  type Role,
  type SealedKeyRef,
  type SlotRef,
} from './parts.ts';

export const policy = record({
  domains: list(text),
  permitIp: list(text),
  planes: list(plane),
  keyType,
  nodeKeyType: keyType,
  rootLifetime: integer,
  issuingLifetime: integer,
  nodeLifetime: integer,
  rotateBefore: integer,
  alertBefore: integer,
  crlLifetime: integer,
  crlUrl: optional(text),
});
/** What `init` fixed. Lifetimes in seconds; `permitIp` in CIDR form, empty when no address at all is permitted. */
export type Policy = Shaped<typeof policy>;

const founded = {
  cluster,
  policy,
  authorities: list(authority),
  audit: record({ certificate: base64, sealed: sealedKey }),
  slots: list(slot),
  crls: list(crl),
};
const init = record(founded);

/** A backup that was made: its id, which is in the file too, and whether it has the root domain's keys. */
const backup = record({ id: hex(16), root: flag });

const deployed = record({
  kind: oneOf('node', 'client'),
  name: text,
  plane: text,
  // As the inventory says: `redis 127.0.0.1:7001`.
  service: text,
  // `gone`: it was left undone, and the inventory has it no more.
  state: oneOf('confirmed', 'placed', 'pending', 'failed', 'gone'),
  // SHA-256 of the certificate that its directory was given.
  certificate: optional(hex(32)),
});
/** What a run of `deploy` came to for one service. */
export type DeployedService = Shaped<typeof deployed>;
const deploy = record({ services: list(deployed) });

/** A service that the last run for it has left undone, and since when. */
const undone = record({
  kind: oneOf('node', 'client'),
  name: text,
  plane: text,
  service: text,
  state: oneOf('pending', 'failed'),
  since: integer,
});
export type UndoneService = Shaped<typeof undone>;

/** When certificates are rotated by the daemon, as an operator has set it; `rotateBeforeDays` overrides the policy's. */
const scheduler = record({ cronExpression: text, enabled: flag, rotateBeforeDays: optional(integer) });
export type SchedulerSettings = Shaped<typeof scheduler>;

/** The small part of the state as a snapshot keeps it. */
export const stateShape = record({
  keystoreId: hex(16),
  ...founded,
  openReserves: list(record({ seq: integer, count: integer, sha256: hex(32) })),
  seq: integer,
  head: hex(32),
  time: integer,
  epoch: integer,
  createdAt: integer,
  backup: optional(record({ id: hex(16), root: flag, seq: integer, time: integer })),
  undone: optional(list(undone)),
  alerts: optional(list(openAlert)),
  scheduler: optional(scheduler),
  rollover: optional(rolloverState),
  destroyed: optional(list(authorityId)),
  auditCertificates: optional(list(base64)),
  trusted: optional(list(trustedAnchor)),
  joinTokens: optional(list(joinToken)),
  agents: optional(agentNodes),
});

/** Serials set aside, durably, before anything is signed with them. */
const reserve = record({ requestHash: hex(32), serials: list(hex(20)) });

/** Certificates issued: all serials of the reserve record, in its order, in one pack. */
const issue = record({ requestHash: hex(32), reserve: integer, pack: hex(32), count: integer });

const revokedEntry = record({
  authority: authorityId,
  // Without leading zeros, so that one number has one form.
  serial: pattern(/^(00|(?!00)([0-9a-f]{2}){1,20})$/, 'a serial number'),
  reason,
  invalidityDate: optional(timestamp),
  notAfter: optional(timestamp),
});
/** One revocation. `notAfter`, where known, is when the entry may leave the CRL. */
export type RevokedEntry = Shaped<typeof revokedEntry>;

const revoke = record({ entries: list(revokedEntry), crls: list(crl) });
const renewCrls = record({ crls: list(crl) });

/** Certificates whose private key is known to be gone before it was ever handed out: they count as superseded. */
const abandon = record({ serials: list(hex(20)) });

/** The live slots from here on, all of them. */
const slots = record({ slots: list(slot) });

/** New master keys: where the private keys are sealed from here on, and the live slots, all of them. */
const rewrap = record({
  audit: optional(sealedKey),
  authorities: list(record({ id: authorityId, sealed: sealedKey })),
  slots: list(slot),
});

const BODIES = {
  init,
  reserve,
  issue,
  revoke,
  crl: renewCrls,
  abandon,
  slots,
  rewrap,
  backup,
  deploy,
  alerts: alertChanges,
  scheduler,
  rollover: phaseBody,
  withdraw: withdrawBody,
  exclude: excludeBody,
  confirm: confirmBody,
  evidence: evidenceBody,
  issuing: issuingBody,
  intermediates: intermediatesBody,
  trust: trustBody,
  'join-token': joinTokenMade,
  'join-token-used': joinTokenUsed,
  'join-tokens-ended': joinTokensEnded,
  agents: agentChanges,
};

export type Op = keyof typeof BODIES;
export type Bodies = { [O in Op]: Shaped<(typeof BODIES)[O]> };

/** The decoder of an operation's body; undefined for an operation of a later version. */
export function bodyShape(op: string): Shape<Bodies[Op]> | undefined {
  return Object.hasOwn(BODIES, op) ? (BODIES[op as Op] as Shape<Bodies[Op]>) : undefined;
}
