import type { ServiceObject } from '../../deployment/document.ts';
import { Hosts } from '../../hosts/hosts.ts';
import type { Inventory } from '../../inventory/read.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { type RolloverDocument, rolloverDocument, type StepObject } from '../document.ts';
import { situationByLog } from '../evidence/by-log.ts';
import { type BoardDocument, board } from '../planning/board.ts';
import type { Direction } from '../planning/planner.ts';
import type { Situation } from '../planning/situation.ts';
import { holderKey } from '../planning/subject.ts';
import { withFailures } from './blocked.ts';

/** The document of every `rollover` command: what the log knows, the services with what is proven of them, who blocks. */
export type RolloverBoard = Omit<RolloverDocument, 'services'> &
  Pick<BoardDocument, 'services' | 'blockers' | 'trust' | 'issuer' | 'backFrom'> & {
    /** The next step, in words. */
    nextStep: string;
  };

/**
 * The board by the last proofs, of whatever age: no secret is needed, and nobody is asked. Without an inventory the
 * services are those of which there are proofs.
 */
export async function boardByLog(
  keystore: Keystore,
  inventory: Inventory | undefined,
  now: Date,
  more: { steps?: StepObject[]; dryRun?: true; direction?: Direction } = {},
): Promise<RolloverBoard> {
  const { direction, ...rest } = more;
  const situation = await situationByLog(keystore, inventory, now);
  return { ...boardOf(keystore, situation, direction), ...rest };
}

/** @param deployed what a run has just deployed: where that failed, it is said of who blocks */
export function boardOf(
  keystore: Keystore,
  situation: Situation,
  direction?: Direction,
  deployed: readonly ServiceObject[] = [],
): RolloverBoard {
  const document = rolloverDocument(keystore.state);
  const { services, blocking, trust, issuer, next, backFrom, ...found } = board(situation, {}, direction);
  const blockers = withFailures(found.blockers, ({ node }) => node, deployed);
  const going = document.phase !== 'stable' && document.phase !== 'done';
  const nothing = { services: [], blocking: [], blockers: [] };
  const out = new Set(situation.rollover.excluded.map(holderKey));
  const excluded = document.excluded.filter(({ kind, node }) => out.has(holderKey({ kind, name: node })));
  return {
    ...document,
    ...(backFrom === undefined ? {} : { backFrom }),
    excluded,
    trust,
    issuer,
    ...(going ? { services, blocking, blockers } : nothing),
    nextStep: next,
  };
}

/** Closes the connections to other hosts behind some work. */
export async function withHosts<T>(work: (hosts: Hosts) => Promise<T>): Promise<T> {
  const hosts = new Hosts();
  try {
    return await work(hosts);
  } finally {
    await hosts.close();
  }
}
