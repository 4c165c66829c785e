import type { DeployedService, UndoneService } from '../keystore/log/bodies.ts';
import type { LogState } from '../keystore/log/state.ts';
import { newRequestId } from '../keystore/request-id.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import type { ServiceObject } from './document.ts';
import type { Material } from './material.ts';
import type { Unit } from './unit.ts';

/** Services in one record: a record is at most 256 KiB. */
const RECORDED = 500;

/** Puts what became of services into the log. @param wait milliseconds for the turn */
export async function recordServices(
  writer: KeystoreWriter,
  services: readonly DeployedService[],
  wait: number,
): Promise<void> {
  const requestId = newRequestId();
  for (let at = 0; at < services.length; at += RECORDED)
    await writer.inTurn(wait, () =>
      writer.commit('deploy', requestId, async () => ({ services: services.slice(at, at + RECORDED) })),
    );
}

/** Whether the last run for a holder has left one of its services undone. */
export function isLeftUndone({ undone = [] }: LogState, holder: Unit['holder'], plane: string): boolean {
  return undone.some((one) => one.kind === holder.kind && one.name === holder.name && one.plane === plane);
}

/** What was just issued and is to be deployed: should the run be killed, it is not forgotten. */
export function awaiting(units: readonly Unit[]): DeployedService[] {
  return units.flatMap(({ holder, plane, services }) =>
    services.map(({ service }) => ({ ...holder, plane, service: service.label, state: 'pending' as const })),
  );
}

/** Services that were left undone, and that the inventory has no more at their holder: nobody will do them. */
export function goneServices(
  units: readonly Unit[],
  all: readonly Unit[],
  undone: readonly UndoneService[],
): DeployedService[] {
  const of = (list: readonly Unit[], { kind, name, plane }: UndoneService): Unit[] =>
    list.filter(({ holder, plane: own }) => holder.kind === kind && holder.name === name && own === plane);
  return undone.flatMap((one): DeployedService[] => {
    const { kind, name, plane, service } = one;
    const has = of(all, one).some(({ services }) => services.some((known) => known.service.label === service));
    return has || of(units, one).length === 0 ? [] : [{ kind, name, plane, service, state: 'gone' }];
  });
}

/** What a run has come to, for the log: what is unchanged, and was not open, is not said again. */
export function deployedServices(
  units: readonly Unit[],
  outcomes: ReadonlyMap<Unit, readonly ServiceObject[]>,
  materials: ReadonlyMap<Unit, Material>,
  undone: readonly UndoneService[],
  onlyCrl: boolean,
): DeployedService[] {
  return units.flatMap((unit) =>
    (outcomes.get(unit) ?? []).flatMap(({ state, served, error }, i): DeployedService[] => {
      const service = unit.services[i]?.service.label ?? '';
      const { kind, name } = unit.holder;
      const wasOpen = undone.some((one) => one.kind === kind && one.name === name && one.service === service);
      if (state === 'unchanged' && !wasOpen) return [];
      // Somebody else is at work there, and will say what it came to.
      if (error?.details?.busy === true) return [];
      const certificate = materials.get(unit)?.fingerprint;
      // A new CRL does not settle a certificate that is still to come.
      if (onlyCrl && wasOpen && error === undefined && served !== certificate) return [];
      return [
        {
          kind,
          name,
          plane: unit.plane,
          service,
          state: state === 'unchanged' ? 'confirmed' : state,
          ...(certificate === undefined ? {} : { certificate }),
        },
      ];
    }),
  );
}
