import type { Side } from '../../phase.ts';
import type { Blocker, GuardName } from '../blocker.ts';
import type { Standing } from '../proof.ts';
import type { Judged } from '../situation.ts';
import { subjectText } from '../subject.ts';
import { unheardHint } from '../unheard.ts';

/**
 * Says who has not proven that an anchor is in its trust, or that it is not. Who checks no certificate in a role has no
 * trust there, and is asked for no proof.
 */
export function trustBlockers({ standings }: Judged, guard: GuardName, side: Side, wanted: boolean): Blocker[] {
  return standings
    .filter(
      ({ checksNone, trustsOld, trustsNew }) => !checksNone && (side === 'old' ? trustsOld : trustsNew) !== wanted,
    )
    .map((standing) => trustBlocker(standing, guard, side, wanted));
}

function trustBlocker(standing: Standing, guard: GuardName, side: Side, wanted: boolean): Blocker {
  const { subject, error } = standing;
  const known = side === 'old' ? standing.trustsOld : standing.trustsNew;
  const anchor = `the ${side} root`;
  const what = wanted
    ? known === false
      ? `does not trust ${anchor}`
      : `is not proven to trust ${anchor}`
    : known === true
      ? `still trusts ${anchor}`
      : `is not proven to have dropped ${anchor}`;
  const { kind, name, service, role } = subject;
  return {
    guard,
    holder: { kind, name },
    ...(service === '' ? {} : { service }),
    role,
    reason: `${subjectText(subject)} ${what}${error === undefined ? '' : `: ${error}`}`,
    hint: hintFor(standing, known),
  };
}

function hintFor({ subject, error }: Standing, known: boolean | undefined): string {
  const { atLeast, name } = subject;
  if (atLeast === 'declared')
    return `give it its trust bundle (cluster-ca export --format bundle --out ca.pem), then: cluster-ca rollover confirm ${name}`;
  if (atLeast === 'agent' && error !== undefined) return unheardHint(name, error);
  if (known !== undefined)
    return `cluster-ca rollover advance deploys it again; cluster-ca verify --inventory FILE shows why it did not take it; where it is revoked, or gone for good: cluster-ca rollover advance --exclude ${name}`;
  return error === undefined
    ? `cluster-ca rollover advance asks it again; where it is gone for good: cluster-ca rollover advance --exclude ${name}`
    : `mend it and run the same command again; where it is gone for good: cluster-ca rollover advance --exclude ${name}`;
}
