import type { DeployedService, UndoneService } from '../keystore/log/bodies.ts';
import type { ServiceObject } from './document.ts';
import type { Material } from './material.ts';
import type { Unit } from './unit.ts';

/** What a run has come to, for the log: what is unchanged, and was not open, is not said again. */
export function deployedServices(
  units: readonly Unit[],
  outcomes: ReadonlyMap<Unit, readonly ServiceObject[]>,
  materials: ReadonlyMap<Unit, Material>,
  undone: readonly UndoneService[],
): DeployedService[] {
  return units.flatMap((unit) =>
    (outcomes.get(unit) ?? []).flatMap(({ state }, i): DeployedService[] => {
      const service = unit.services[i]?.service.label ?? '';
      const { kind, name } = unit.holder;
      const wasOpen = undone.some((one) => one.kind === kind && one.name === name && one.service === service);
      if (state === 'unchanged' && !wasOpen) return [];
      const certificate = materials.get(unit)?.fingerprint;
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
