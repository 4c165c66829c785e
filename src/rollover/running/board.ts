import { Hosts } from '../../hosts/hosts.ts';
import type { Inventory } from '../../inventory/read.ts';
import { inventoryServices, type Service } from '../../inventory/services.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { type RolloverDocument, rolloverDocument, type StepObject } from '../document.ts';
import { situationOf } from '../evidence/situation.ts';
import { type BoardDocument, board } from '../planning/board.ts';
import type { Direction } from '../planning/planner.ts';
import type { Proof } from '../planning/proof.ts';
import type { Situation } from '../planning/situation.ts';
import { type Subject, subjectKey } from '../planning/subject.ts';

/** The document of every `rollover` command: what the log knows, the services with what is proven of them, who blocks. */
export type RolloverBoard = Omit<RolloverDocument, 'services'> &
  Pick<BoardDocument, 'services' | 'blockers' | 'trust' | 'issuer'> & {
    /** The next step, in words. */
    nextStep: string;
  };

/** The services of an inventory; undefined without one. */
export function servicesOf(keystore: Keystore, inventory: Inventory | undefined): Service[] | undefined {
  return inventory && inventoryServices(inventory, keystore.state.policy.planes);
}

/** The last proofs that the log has. */
export function recordedProofs({ state }: Keystore): Proof[] {
  return state.rollover?.evidence ?? [];
}

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

/** What the log alone says, of whatever age. */
export async function situationByLog(
  keystore: Keystore,
  inventory: Inventory | undefined,
  now: Date,
): Promise<Situation> {
  const proofs = recordedProofs(keystore);
  const services = servicesOf(keystore, inventory);
  const situation = await situationOf(keystore, { services: services ?? [], proofs, now, since: 0 });
  return services === undefined
    ? { ...situation, subjects: seen(situation, proofs, keystore.state.agents ?? []) }
    : situation;
}

/** The services that were seen, and the holders without any. Of nodes with an agent that is known already. */
function seen({ subjects }: Situation, proofs: readonly Proof[], agents: readonly string[]): Subject[] {
  const known = new Map<string, Subject>();
  for (const { kind, name, plane = '', service, role } of proofs) {
    if (service === '' || (kind === 'node' && agents.includes(name))) continue;
    const subject: Subject = { kind, name, plane, service, role, atLeast: 'file' };
    known.set(subjectKey(subject), subject);
  }
  const found = [...known.values()];
  const has = (one: Subject): boolean =>
    found.some(({ kind, name, plane }) => kind === one.kind && name === one.name && plane === one.plane);
  return [...found, ...subjects.filter((one) => !has(one))];
}

export function boardOf(keystore: Keystore, situation: Situation, direction?: Direction): RolloverBoard {
  const document = rolloverDocument(keystore.state);
  const { services, blocking, blockers, trust, issuer, next } = board(situation, {}, direction);
  const going = document.phase !== 'stable' && document.phase !== 'done';
  const nothing = { services: [], blocking: [], blockers: [] };
  return { ...document, trust, issuer, ...(going ? { services, blocking, blockers } : nothing), nextStep: next };
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
