import type { ClusterCaError } from '../errors.ts';
import type { ServiceResult, ServiceState } from './task.ts';
import type { Deployable, Unit } from './unit.ts';

/** What became of one service, as `--json` has it. */
export interface ServiceObject {
  node: string;
  plane?: string;
  kind: string;
  address?: string;
  dir: string;
  state: ServiceState;
  /** SHA-256 of the certificate that it serves, as far as it was seen. */
  served?: string;
  /** Connections that still rest on an older certificate. */
  oldConnections?: { count: number; what: string };
  error?: { code: string; message: string; hint?: string; details?: Record<string, unknown> };
  /** Of a dry run: what would be done. */
  steps?: string[];
}

export interface DeployDocument {
  services: ServiceObject[];
  /** Nodes, in the order in which they were done; those of one wave at the same time. */
  waves: string[][];
  dryRun?: boolean;
}

export function serviceObject(unit: Unit, result: ServiceResult): ServiceObject {
  const { deployable, state, served, error, old } = result;
  return {
    ...identity(unit, deployable.service),
    state,
    ...(served === undefined ? {} : { served }),
    ...(old === undefined ? {} : { oldConnections: old }),
    ...(error === undefined ? {} : { error: errorObject(error) }),
  };
}

/** One state for every service of a unit: what failed or was not reached as a whole. */
export function unitObjects(
  unit: Unit,
  state: ServiceState,
  error?: ClusterCaError,
  seen?: ReadonlyMap<Deployable, string>,
): ServiceObject[] {
  const more = error === undefined ? {} : { error };
  return unit.services.map((deployable) => {
    const served = seen?.get(deployable);
    return serviceObject(unit, { deployable, state, ...more, ...(served === undefined ? {} : { served }) });
  });
}

export function identity(unit: Unit, service: { kind: string; address: string | undefined }) {
  const { holder, plane, dir } = unit;
  return {
    node: holder.name,
    ...(plane === '' ? {} : { plane }),
    kind: service.kind,
    ...(service.address === undefined ? {} : { address: service.address }),
    dir,
  };
}

function errorObject({ code, message, hint, details }: ClusterCaError): ServiceObject['error'] & object {
  return { code, message, ...(hint === undefined ? {} : { hint }), ...(details === undefined ? {} : { details }) };
}
