import { sha256Hex } from '../../crypto/hash.ts';
import { DerError } from '../../pki/der/error.ts';
import { fromBase64 } from '../../pki/encoding.ts';
import { parseCertificate } from '../../pki/x509/certificate.ts';
import { tampered } from '../canonical.ts';
import type { CertificateRow, Revocation } from '../certificates/row.ts';
import type { PackedCertificate } from '../pack.ts';
import { applyAgentChanges } from './agents.ts';
import { applyAlertChanges } from './alerts.ts';
import { issuedRows, serialsHash } from './apply-issue.ts';
import { applyIntermediates, applyIssuing, applyPhase, applyToRollover, applyTrust } from './apply-rollover.ts';
import type { DeployedService, RevokedEntry, UndoneService } from './bodies.ts';
import { type JoinToken, withJoinToken, withoutTokens, withUsedToken } from './join-tokens.ts';
import type { LogRecord } from './record.ts';
import { applyRewrap } from './rewrap.ts';
import type { LogState } from './state.ts';

/** A reserve not used within this many records is burnt. */
const RESERVE_LIVES = 4096;

/** A revocation with the certificate it is of. `notAfter`, where known: when its entry may leave the CRL. */
export interface RevokedSerial extends Revocation {
  authority: string;
  serial: string;
  notAfter?: number;
}

/** The state behind a record, and what it changed. */
export interface Applied {
  state: LogState;
  changes: Changes;
}

/** What one record changes among the certificates. */
export interface Changes {
  issued: CertificateRow[];
  revoked: RevokedSerial[];
  abandoned: string[];
  /** Set by the records that a request id is bound to. */
  request?: { id: string; hash: string; seq: number };
}

/**
 * Applies one record, already decoded and verified, to the state before it. Pure.
 * @param hash SHA-256 of the record's file
 * @param pack the certificates of an issue record
 * @throws ERR_KEYSTORE_TAMPERED when the record does not follow from the state
 */
export function applyRecord(...parameters: Parameters<typeof apply>): Applied {
  try {
    return apply(...parameters);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw tampered(`log record ${parameters[1].seq} holds a certificate that cannot be read: ${error.message}`, error);
  }
}

function apply(
  state: LogState | undefined,
  entry: LogRecord,
  hash: string,
  keystoreId: string,
  pack: PackedCertificate[] = [],
): Applied {
  const changes: Changes = { issued: [], revoked: [], abandoned: [] };
  const time = Date.parse(entry.time);
  if (state === undefined) {
    if (entry.op !== 'init' || entry.seq !== 0) throw tampered('the log does not begin with its init record');
    const { cluster, policy, authorities, audit, slots, crls } = entry.body;
    for (const { certificate } of [...authorities, audit]) parseCertificate(fromBase64(certificate));
    refuseTwice(authorities, 'the authority');
    refuseTwice(slots, 'the slot');
    const fields = {
      keystoreId,
      cluster,
      policy,
      authorities,
      audit,
      slots,
      crls: replaceCrls({ authorities, crls: [] }, crls),
      openReserves: [],
      epoch: entry.epoch,
    };
    return { state: { ...fields, seq: 0, head: hash, time, createdAt: time }, changes };
  }
  checkPlace(state, entry, time);
  let next: LogState = { ...state, seq: entry.seq, head: hash, time, epoch: entry.epoch };
  switch (entry.op) {
    case 'init':
      throw tampered(`log record ${entry.seq} is a second init`);
    case 'reserve': {
      const { serials, requestHash } = entry.body;
      const reserve = { seq: entry.seq, count: serials.length, sha256: serialsHash(serials) };
      next.openReserves = [...state.openReserves.filter((open) => entry.seq - open.seq < RESERVE_LIVES), reserve];
      changes.request = { id: entry.requestId, hash: requestHash, seq: entry.seq };
      break;
    }
    case 'issue': {
      changes.issued = issuedRows(state, entry, pack);
      next.openReserves = state.openReserves.filter((open) => open.seq !== entry.body.reserve);
      changes.request = { id: entry.requestId, hash: entry.body.requestHash, seq: entry.seq };
      break;
    }
    case 'revoke':
      for (const { authority } of entry.body.entries) requireAuthority(state, authority);
      changes.revoked = entry.body.entries.map((revoked) => revocation(revoked, time));
      next.crls = replaceCrls(state, entry.body.crls);
      break;
    case 'crl':
      next.crls = replaceCrls(state, entry.body.crls);
      break;
    case 'abandon':
      changes.abandoned = entry.body.serials;
      break;
    case 'slots':
      refuseTwice(entry.body.slots, 'the slot');
      next.slots = entry.body.slots;
      break;
    case 'rewrap':
      refuseTwice(entry.body.authorities, 'the authority');
      refuseTwice(entry.body.slots, 'the slot');
      for (const { id } of entry.body.authorities) requireAuthority(state, id);
      Object.assign(next, applyRewrap(state, entry.body, entry.seq));
      break;
    case 'backup':
      next.backup = { ...entry.body, seq: entry.seq, time };
      break;
    case 'scheduler':
      next.scheduler = entry.body;
      break;
    case 'rollover':
      next = applyPhase(next, entry.body, entry.seq, time);
      next.crls = replaceCrls(next, entry.body.crls ?? []);
      if (entry.body.start !== undefined) requireCrls(next, entry.body.start.authorities);
      // They pin a root that goes.
      if (entry.body.to === 'retire') setJoinTokens(next, []);
      break;
    case 'withdraw':
    case 'exclude':
    case 'confirm':
    case 'evidence':
      next.rollover = applyToRollover(next, entry, entry.seq, time);
      break;
    case 'issuing':
      next = applyIssuing(next, entry.body, entry.seq);
      next.crls = replaceCrls(next, entry.body.crls);
      requireCrls(next, [entry.body.authority]);
      break;
    case 'intermediates':
      next = applyIntermediates(next, entry.body, entry.seq);
      break;
    case 'trust':
      next = applyTrust(next, entry.body, (certificate) => sha256Hex(fromBase64(certificate)), entry.seq, time);
      break;
    case 'deploy': {
      const undone = undoneAfter(state.undone ?? [], entry.body.services, time);
      delete next.undone;
      if (undone.length > 0) next.undone = undone;
      break;
    }
    case 'alerts': {
      const alerts = applyAlertChanges(state.alerts ?? [], entry.body.changes, time);
      delete next.alerts;
      if (alerts.length > 0) next.alerts = alerts;
      break;
    }
    case 'join-token':
      setJoinTokens(next, withJoinToken(state.joinTokens ?? [], entry.body, time));
      break;
    case 'join-token-used':
      setJoinTokens(next, withUsedToken(state.joinTokens ?? [], entry.body));
      break;
    case 'join-tokens-ended':
      setJoinTokens(next, withoutTokens(state.joinTokens ?? [], entry.body.sha256));
      break;
    case 'agents': {
      const agents = applyAgentChanges(state.agents ?? [], entry.body);
      delete next.agents;
      if (agents.length > 0) next.agents = agents;
      break;
    }
  }
  return { state: next, changes };
}

/** An empty list is absent. */
function setJoinTokens(next: LogState, tokens: JoinToken[]): void {
  delete next.joinTokens;
  if (tokens.length > 0) next.joinTokens = tokens;
}

/** The last word on each service counts; one that is not done keeps the time since when. */
function undoneAfter(before: readonly UndoneService[], services: readonly DeployedService[], time: number) {
  const key = (one: { kind: string; name: string; service: string }): string =>
    [one.kind, one.name, one.service].join('\n');
  const known = new Map(before.map((one) => [key(one), one]));
  for (const one of services) {
    const { kind, name, plane, service, state } = one;
    const since = known.get(key(one))?.since ?? time;
    if (state === 'pending' || state === 'failed') known.set(key(one), { kind, name, plane, service, state, since });
    else known.delete(key(one));
  }
  return [...known.values()];
}

function checkPlace(state: LogState, entry: LogRecord, time: number): void {
  if (entry.seq !== state.seq + 1 || entry.prev !== state.head)
    throw tampered(`log record ${entry.seq} does not follow record ${state.seq}`);
  if (entry.epoch !== state.epoch && entry.epoch !== state.epoch + 1)
    throw tampered(`log record ${entry.seq} skips a time epoch`);
  if (entry.epoch === state.epoch && time < state.time)
    throw tampered(`log record ${entry.seq} is older than the one before it`);
}

function revocation(entry: RevokedEntry, at: number): RevokedSerial {
  const { authority, serial, reason, invalidityDate, notAfter } = entry;
  return {
    authority,
    serial,
    at,
    reason,
    ...(invalidityDate === undefined ? {} : { invalidityDate: Date.parse(invalidityDate) }),
    ...(notAfter === undefined ? {} : { notAfter: Date.parse(notAfter) }),
  };
}

function refuseTwice(entries: readonly { id: string }[], what: string): void {
  const twice = entries.find(({ id }, i) => entries.findIndex((other) => other.id === id) !== i);
  if (twice !== undefined) throw tampered(`${what} ${twice.id} is there twice`);
}

/** A CA comes with its CRL: a server that checks them refuses everybody when one level's is missing. */
function requireCrls(state: LogState, authorities: readonly { id: string }[]): void {
  for (const { id } of authorities)
    if (!state.crls.some(({ authority }) => authority === id)) throw tampered(`${id} comes without a CRL`);
}

function requireAuthority(state: Pick<LogState, 'authorities'>, id: string): void {
  if (!state.authorities.some((authority) => authority.id === id)) throw tampered(`the log has no authority ${id}`);
}

function replaceCrls(state: Pick<LogState, 'authorities' | 'crls'>, crls: LogState['crls']): LogState['crls'] {
  const renewed = new Map(crls.map((crl) => [crl.authority, crl]));
  refuseTwice(
    crls.map(({ authority }) => ({ id: authority })),
    'the CRL of',
  );
  for (const crl of crls) {
    requireAuthority(state, crl.authority);
    const last = state.crls.find(({ authority }) => authority === crl.authority);
    if (last !== undefined && BigInt(crl.number) <= BigInt(last.number))
      throw tampered(`the number of the CRL of ${crl.authority} does not grow`);
  }
  const kept = state.crls.map((crl) => {
    const replacement = renewed.get(crl.authority);
    renewed.delete(crl.authority);
    return replacement ?? crl;
  });
  return [...kept, ...renewed.values()];
}
