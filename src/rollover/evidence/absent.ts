import { parseAddress, serverNameOf } from '../../endpoint/address.ts';
import { readFirstFlight } from '../../endpoint/first-flight.ts';
import { isClusterCaError } from '../../errors.ts';
import type { Service } from '../../inventory/services.ts';
import { isAsked } from './subjects.ts';

/** A service that does not answer. */
export interface Absent {
  node: string;
  service: string;
  error: string;
}

/** Services that are asked at the same time. */
const AT_ONCE = 16;

/** Which services answer no TLS hello now. No certificate is shown, and nothing is said: it needs no secret. */
export async function absentServices(services: readonly Service[]): Promise<Absent[]> {
  const asked = services.filter(isAsked);
  const found: (Absent | undefined)[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < asked.length) {
      const i = next++;
      found[i] = await absence(asked[i] as Service & { address: string });
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, asked.length) }, worker));
  return found.flatMap((one) => one ?? []);
}

async function absence(service: Service & { address: string }): Promise<Absent | undefined> {
  const to = parseAddress(service.address);
  const starttls = service.kind === 'postgres' ? 'postgres' : undefined;
  const of = { node: service.holder.name, service: service.label };
  try {
    const versions = ['TLSv1.3', 'TLSv1.2'] as const;
    const flight = await readFirstFlight(to, { versions, serverName: serverNameOf(to.host), starttls });
    if (flight.outcome === 'answered') return undefined;
    return { ...of, error: flight.outcome === 'refused' ? 'it ends no handshake' : 'it does not speak TLS' };
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_REMOTE', 'ERR_TIMEOUT')) throw error;
    return { ...of, error: error.message };
  }
}
