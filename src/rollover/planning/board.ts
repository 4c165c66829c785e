import { formatTime } from '../../values/time.ts';
import { desired, type Form, type Phase, type Side } from '../phase.ts';
import { type Blocker, blockingHolders } from './blocker.ts';
import { type Direction, nextStep, type Step } from './planner.ts';
import type { Standing } from './proof.ts';
import { type Judged, judge, type RolloverFacts, type Situation } from './situation.ts';
import { type Holder, holderText, type ProvenBy, type Role } from './subject.ts';

/** One service in one role, as `rollover status --json` shows it. What is not known is absent. */
export interface BoardService {
  kind: 'node' | 'client';
  node: string;
  plane?: string;
  /** Absent where the node or client has no service in the inventory. */
  service?: string;
  role: Role;
  trustsOld?: boolean;
  trustsNew?: boolean;
  /** In `accept`: it checks no certificate of who connects, and so has no trust to prove. */
  checksNone?: boolean;
  serves?: Side;
  provenBy?: ProvenBy;
  provenAt?: string;
  /** In `connect`: by what it was made to connect to us; or, of its file, why it was not. */
  how?: string;
  error?: string;
}

export interface BoardBlocker {
  guard: string;
  node?: string;
  service?: string;
  role?: Role;
  reason: string;
  hint: string;
}

/** A root as the board names it. */
export interface BoardRoot {
  id?: string;
  subject: string;
  fingerprint: string;
  notAfter: string;
}

/** What `rollover status` says. */
export interface BoardDocument {
  phase: Phase;
  form?: string;
  /** When the phase began. */
  since?: string;
  /** In `rollback`: the phase that the way back began from. */
  backFrom?: Phase;
  old?: BoardRoot;
  new?: BoardRoot;
  trust: readonly Side[];
  issuer: Side;
  services: BoardService[];
  excluded?: string[];
  blocking: string[];
  blockers: BoardBlocker[];
  /** What would be done next, in words. */
  next: string;
}

/** The board of a rollover: what each service trusts and shows, how that is known, who blocks, and what comes next. */
export function board(
  situation: Situation,
  roots: Pick<BoardDocument, 'old' | 'new'>,
  direction: Direction = 'forward',
): BoardDocument {
  const { rollover } = situation;
  const judged = judge(situation);
  const { step, blockers } = outlook(situation, direction);
  const { trust, issuer } = desired(rollover.phase, rollover.withdrawn);
  return {
    phase: rollover.phase,
    form: rollover.form,
    since: formatTime(rollover.since),
    ...(rollover.phase === 'rollback' ? { backFrom: backFrom(rollover) } : {}),
    ...roots,
    trust,
    issuer,
    services: services(judged),
    ...(rollover.excluded.length === 0 ? {} : { excluded: rollover.excluded.map(({ name }) => name) }),
    blocking: blockingHolders(blockers),
    blockers: blockers.map(boardBlocker),
    next: stepText(step, rollover.form),
  };
}

/** Only the way back from `issue-new` has changed who issues. */
function backFrom({ since, issuerSince }: RolloverFacts): Phase {
  return issuerSince < since ? 'distribute' : 'issue-new';
}

function services({ standings }: Judged): BoardService[] {
  return standings.map(serviceObject);
}

function serviceObject(standing: Standing): BoardService {
  const { subject, trustsOld, trustsNew, checksNone, serves, provenBy, provenAt, how, error } = standing;
  const { kind, name, plane, service, role } = subject;
  return {
    kind,
    node: name,
    ...(plane === '' ? {} : { plane }),
    ...(service === '' ? {} : { service }),
    role,
    ...(trustsOld === undefined ? {} : { trustsOld }),
    ...(trustsNew === undefined ? {} : { trustsNew }),
    ...(checksNone ? { checksNone } : {}),
    ...(serves === undefined ? {} : { serves }),
    ...(provenBy === undefined ? {} : { provenBy }),
    ...(provenAt === undefined ? {} : { provenAt: formatTime(provenAt) }),
    ...(how === undefined ? {} : { how }),
    ...(error === undefined ? {} : { error }),
  };
}

/** As it stands in `error.details` too. */
export function boardBlocker({ guard, holder, service, role, reason, hint }: Blocker): BoardBlocker {
  return {
    guard,
    ...(holder === undefined ? {} : { node: holder.name }),
    ...(service === undefined ? {} : { service }),
    ...(role === undefined ? {} : { role }),
    reason,
    hint,
  };
}

/** The next step, and who blocks what comes after all that can be deployed has been. */
function outlook(situation: Situation, direction: Direction): { step: Step; blockers: readonly Blocker[] } {
  const step = nextStep(situation, { direction });
  const end = nextStep(situation, { direction, attempted: EVERYBODY });
  return { step, blockers: end.do === 'blocked' || end.do === 'exclude' ? end.blockers : [] };
}

/** As if all had been deployed to already. */
const EVERYBODY: ReadonlySet<string> = Object.assign(new Set<string>(), { has: () => true });

/** A step in a few words: what `advance` does next. */
export function stepText(step: Step, form: Form = 'root'): string {
  switch (step.do) {
    case 'deploy-trust':
      return `deploy the trust bundle to ${names(step.holders)}`;
    case 'replace-certificates':
      if (form === 'foreign' && step.issuer === 'old')
        return `put back the certificates of the old root to ${names(step.holders)}`;
      return `issue certificates under the ${step.issuer} root, and deploy them, to ${names(step.holders)}`;
    case 'withdraw':
      return 'take the new root out of the trust bundles again';
    case 'commit':
      return `go to ${step.to}${whatEnds(step, form)}`;
    case 'exclude':
      return `leave out ${names(step.holders)}: the time for this phase is over`;
    case 'blocked':
      return `go to ${step.to}, once nothing blocks it`;
    case 'nothing':
      return 'nothing';
  }
}

/** What becomes of keys: a foreign CA's never were ours, and its takeover has made none. */
function whatEnds({ from, to }: { from: Phase; to: Phase }, form: Form): string {
  if (form === 'root')
    return to === 'done' || to === 'stable'
      ? `: the key of the ${to === 'done' ? 'old' : 'new'} root is destroyed`
      : '';
  if (to === 'done') return ': the old root is trusted no more; its key never was ours';
  if (to !== 'stable') return '';
  return from === 'prepared' ? '' : ': the cluster rests on the old root again';
}

const NAMED = 5;

function names(holders: readonly Holder[]): string {
  const shown = holders.slice(0, NAMED).map(holderText).join(', ');
  return holders.length > NAMED ? `${shown} and ${holders.length - NAMED} more` : shown;
}
