import type { OpenAlert } from './alerts.ts';
import type { Authority, Bodies, CrlRef, Policy, SchedulerSettings, SlotRef, UndoneService } from './bodies.ts';
import type { JoinToken } from './join-tokens.ts';
import type { RolloverState, TrustedAnchor } from './rollover.ts';

/** Serials set aside by a reserve record that no issue record has used yet. */
export interface OpenReserve {
  seq: number;
  count: number;
  /** SHA-256 over the serials, one behind the other. */
  sha256: string;
}

/** What the log says, but for the certificates: small, whatever the number of those. */
export interface LogState {
  keystoreId: string;
  cluster: string;
  policy: Policy;
  authorities: Authority[];
  audit: Bodies['init']['audit'];
  slots: SlotRef[];
  crls: CrlRef[];
  openReserves: OpenReserve[];
  /** The last record: its number, hash, time in milliseconds since 1970, and time epoch. */
  seq: number;
  head: string;
  time: number;
  epoch: number;
  /** When the keystore was made. */
  createdAt: number;
  /** The last backup: its id, whether the root domain's keys are in it, and the record that says so. */
  backup?: LastBackup;
  /** Services whose last deployment is not done; absent when there is none. */
  undone?: UndoneService[];
  /** What the daemon has raised and not resolved; absent when there is nothing. */
  alerts?: OpenAlert[];
  /** How the daemon rotates by itself, where an operator has set it. */
  scheduler?: SchedulerSettings;
  /** The rollover in progress, or the one that was done last. */
  rollover?: RolloverState;
  /** The CAs whose keys were destroyed. */
  destroyed?: string[];
  /** The audit key's further certificates, by the roots that came later; base64. */
  auditCertificates?: string[];
  /** Further anchors in the trust bundles. */
  trusted?: TrustedAnchor[];
  /** Join tokens that were made, used ones too, until they end; absent when there is none. */
  joinTokens?: JoinToken[];
  /** The nodes that have an agent; absent when there is none. */
  agents?: string[];
}

/** A backup as its record tells of it; times in milliseconds since 1970. */
export interface LastBackup {
  id: string;
  root: boolean;
  seq: number;
  time: number;
}

/** `SEQ:HASH`, as people and anchors write the head. */
export function formatHead(state: { seq: number; head: string }): string {
  return `${state.seq}:${state.head}`;
}
