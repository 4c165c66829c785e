import type { Service } from '../../inventory/services.ts';
import { desiredOf, phaseOf } from '../../keystore/hierarchy.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import type { RolloverState } from '../../keystore/log/rollover.ts';
import type { Proof } from '../planning/proof.ts';
import type { Confirmation, LiveCertificate, RolloverFacts, Situation } from '../planning/situation.ts';
import { type Holder, holderKey } from '../planning/subject.ts';
import { leftOut } from './left-out.ts';
import { sideOfAuthority } from './sides.ts';
import { reportedServices, subjectsOf } from './subjects.ts';

export interface SituationInput {
  services: readonly Service[];
  proofs: readonly Proof[];
  now: Date;
  /** What was seen before does not count; zero to show what is known. Milliseconds since 1970. */
  since: number;
}

/** What the planner decides by, from the log as it is now and these proofs. */
export async function situationOf(keystore: Keystore, input: SituationInput): Promise<Situation> {
  const { services, proofs, now, since } = input;
  const { state } = keystore;
  const form = state.rollover?.form ?? 'root';
  const own = await liveCertificates(keystore, now);
  const excluded = await leftOut(keystore, now);
  // On the way back it is theirs that take the place of ours.
  const wanted = desiredOf(state).issuer === 'old';
  const seen = [...services, ...reportedServices({ nodes: state.agents ?? [], proofs })];
  const certificates = form === 'foreign' ? [...own, ...foreignCertificates(seen, own, wanted)] : own;
  return {
    now: now.getTime(),
    since,
    rollover: { ...rolloverFacts(keystore), excluded: excluded.map(({ kind, name }) => ({ kind, name })) },
    subjects: subjectsOf(services, own, form, { nodes: state.agents ?? [], proofs }),
    certificates,
    proofs,
  };
}

function rolloverFacts({ state }: Keystore): Omit<RolloverFacts, 'excluded'> {
  const { rollover } = state;
  const phase = phaseOf(state);
  if (rollover === undefined)
    return {
      form: 'root',
      phase,
      withdrawn: false,
      since: state.createdAt,
      trustSince: state.createdAt,
      issuerSince: state.createdAt,
      prepared: { verified: true, backup: true },
      confirmed: [],
    };
  const { form, since, trustSince, issuerSince, emergency } = rollover;
  return {
    form,
    phase,
    withdrawn: rollover.withdrawn ?? false,
    since,
    trustSince,
    issuerSince,
    // The record that leads to `prepared` is not written before both are done.
    prepared: { verified: true, backup: true },
    confirmed: standing(rollover).map((word) => confirmation(word, state)),
    ...(emergency === undefined ? {} : { deadline: emergency.deadline * 1000 }),
  };
}

/** The words that count: one of before its holder was left out is not of what it has been given since. */
function standing({ confirmed = [], excluded = [] }: RolloverState): NonNullable<RolloverState['confirmed']> {
  const since = new Map(excluded.map((one) => [holderKey(one), one.at]));
  return confirmed.filter((word) => word.at > (since.get(holderKey(word)) ?? Number.NEGATIVE_INFINITY));
}

/** `confirm` takes a bundle and a certificate only as the phase wants them: what that is has its time. */
function confirmation(
  { kind, name, at, bundle, certificate }: NonNullable<RolloverState['confirmed']>[number],
  state: Keystore['state'],
): Confirmation {
  const { trust, issuer } = desiredOf(state);
  return {
    kind,
    name,
    at,
    ...(bundle === undefined ? {} : { trustsOld: trust.includes('old'), trustsNew: trust.includes('new') }),
    ...(certificate === undefined ? {} : { serves: issuer }),
  };
}

async function liveCertificates(keystore: Keystore, now: Date): Promise<LiveCertificate[]> {
  const { state } = keystore;
  return keystore.query(async (index) => {
    const live: LiveCertificate[] = [];
    for await (const rows of index.all())
      for (const row of rows) {
        if (row.kind === 'probe' || row.abandoned || row.notAfter + 1000 <= now.getTime()) continue;
        const issuer = sideOfAuthority(state, row.authority);
        if (issuer === undefined) continue;
        const { kind, name, plane, serial, notAfter, superseded } = row;
        live.push({
          kind,
          name,
          plane,
          serial,
          issuer,
          notAfter: notAfter + 999,
          revoked: row.revoked !== undefined,
          superseded,
        });
      }
    return live;
  });
}

/** What a foreign CA has issued is in no log of ours: each service has something of it, until it shows ours. */
function foreignCertificates(
  services: readonly Pick<Service, 'holder' | 'plane'>[],
  own: readonly LiveCertificate[],
  wanted: boolean,
): LiveCertificate[] {
  const current = (holder: Holder, plane: string): boolean =>
    own.some((one) => holderKey(one) === holderKey(holder) && one.plane === plane && !one.superseded && !one.revoked);
  const seen = new Set<string>();
  return services.flatMap(({ holder, plane }) => {
    const key = `${holderKey(holder)} ${plane}`;
    if (seen.has(key)) return [];
    seen.add(key);
    const superseded = !wanted && current(holder, plane);
    return [
      {
        ...holder,
        plane,
        serial: 'of-the-foreign-CA',
        issuer: 'old' as const,
        notAfter: Number.MAX_SAFE_INTEGER,
        revoked: false,
        superseded,
      },
    ];
  });
}
