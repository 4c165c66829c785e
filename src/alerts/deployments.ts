import { formatTime } from '../values/time.ts';
import type { Alert } from './alert.ts';

export interface OpenDeployment {
  name: string;
  plane: string;
  /** As the inventory says: `redis 127.0.0.1:7001`. */
  service: string;
  state: 'pending' | 'failed';
  /** Milliseconds since 1970. */
  since: number;
}

/** A service that the last `deploy` has left undone: it was down, not reached, or did not take what it was given. */
export function deploymentAlert({ name, plane, service, state, since }: OpenDeployment): Alert {
  return {
    name: state === 'failed' ? 'node_deployment_failed' : 'node_deployment_pending',
    severity: 'warning',
    subject: plane === '' ? `client ${name}` : `${name}/${plane}`,
    message:
      state === 'failed'
        ? `${service} did not take what it was given, and has what it had before`
        : `${service} was down or not reached when the others got their files`,
    hint: `cluster-ca deploy ${name} --inventory FILE`,
    since: formatTime(since),
  };
}
