import type { Hosts } from '../../hosts/hosts.ts';
import type { Service } from '../../inventory/services.ts';
import { anchorOf, inProgress } from '../../keystore/hierarchy.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import type { Proof as RecordedProof } from '../../keystore/log/rollover.ts';
import type { KeystoreWriter } from '../../keystore/writer.ts';
import { equalBytes } from '../../pki/der/writer.ts';
import { type Certificate, parseCertificate } from '../../pki/x509/certificate.ts';
import type { Side } from '../phase.ts';
import type { Proof } from '../planning/proof.ts';
import { type Looking, lookAt } from './look.ts';
import type { Probes } from './probes.ts';
import { sideOfAuthority } from './sides.ts';

/** Services that are asked at the same time. */
const AT_ONCE = 8;
/** Proofs in one record. */
const IN_A_RECORD = 200;

export interface Gathering {
  services: readonly Service[];
  probes: Probes | undefined;
  hosts: Hosts;
  now: () => Date;
  onProgress?: (done: number, total: number) => void;
}

/** Looks at every service, several at a time. What cannot be reached is a proof with the reason. */
export async function gatherProofs(keystore: Keystore, gathering: Gathering): Promise<Proof[]> {
  const { services, probes, hosts, now, onProgress } = gathering;
  const { state } = keystore;
  const common: Omit<Looking, 'host'> = {
    form: state.rollover?.form ?? 'root',
    anchors: { old: anchorOf(state, 'old'), new: anchorOf(state, 'new') },
    sideOf: sides(keystore),
    probes,
    now,
  };
  const found: Proof[][] = services.map(() => []);
  let next = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    while (next < services.length) {
      const i = next++;
      const service = services[i] as Service;
      found[i] = await lookAt(service, { ...common, host: hosts.of(service) });
      onProgress?.(++done, services.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, services.length) }, worker));
  return found.flat();
}

/** By the name of who has issued it; what none of ours has is, when a foreign CA is taken over, the foreign one's. */
function sides(keystore: Keystore): (certificate: Certificate) => Side | undefined {
  const { state } = keystore;
  const known = state.authorities.map(({ id }) => ({
    subject: keystore.authorityCertificate(id).subject,
    side: sideOfAuthority(state, id),
  }));
  const foreign =
    state.rollover?.foreign === undefined ? undefined : parseCertificate(anchorOf(state, 'old') ?? new Uint8Array());
  return ({ issuer }) => {
    const ours = known.findLast(({ subject }) => equalBytes(subject, issuer));
    if (ours !== undefined) return ours.side;
    return foreign === undefined ? undefined : 'old';
  };
}

/**
 * Keeps the proofs in the log, so that `status` shows them without a secret.
 * @param answers the number of the record that asked for them, where one did
 */
export async function recordProofs(
  writer: KeystoreWriter,
  wait: number,
  requestId: string,
  proofs: readonly Proof[],
  answers?: number,
): Promise<void> {
  const parts = Array.from({ length: Math.ceil(proofs.length / IN_A_RECORD) }, (_, i) =>
    proofs.slice(i * IN_A_RECORD, (i + 1) * IN_A_RECORD),
  );
  if (parts.length === 0 && answers !== undefined) parts.push([]);
  for (const [i, part] of parts.entries()) {
    const isLast = i === parts.length - 1;
    const more = isLast && answers !== undefined ? { answers } : {};
    const body = async () => (inProgress(writer.keystore.state) ? { proofs: part.map(recorded), ...more } : undefined);
    await writer.inTurn(wait, () => writer.commit('evidence', requestId, body));
  }
}

/** As a record has it: what is not known is absent. */
function recorded({ kind, name, service, role, at, ...rest }: Proof): RecordedProof {
  const { plane, trustsOld, trustsNew, serves, provenBy, fingerprint, error, how, checksNone } = rest;
  return {
    kind,
    name,
    service,
    role,
    at,
    ...(plane === undefined ? {} : { plane }),
    ...(trustsOld === undefined ? {} : { trustsOld }),
    ...(trustsNew === undefined ? {} : { trustsNew }),
    ...(serves === undefined ? {} : { serves }),
    ...(provenBy === undefined ? {} : { provenBy }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(error === undefined ? {} : { error }),
    ...(how === undefined ? {} : { how }),
    ...(checksNone ? { checksNone } : {}),
  };
}
