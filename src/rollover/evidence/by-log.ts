import type { Inventory } from '../../inventory/read.ts';
import { inventoryServices, type Service } from '../../inventory/services.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import type { Proof } from '../planning/proof.ts';
import type { Situation } from '../planning/situation.ts';
import { type Subject, subjectKey } from '../planning/subject.ts';
import { situationOf } from './situation.ts';

/** The services of an inventory; undefined without one. */
export function servicesOf(keystore: Keystore, inventory: Inventory | undefined): Service[] | undefined {
  return inventory && inventoryServices(inventory, keystore.state.policy.planes);
}

/** The last proofs that the log has. */
export function recordedProofs({ state }: Keystore): Proof[] {
  return state.rollover?.evidence ?? [];
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
