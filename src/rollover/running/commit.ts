import type { Context } from '../../context.ts';
import { ClusterCaError } from '../../errors.ts';
import type { KeystoreWriter } from '../../keystore/writer.ts';
import { abandonRollover } from '../abandon.ts';
import { situationOf } from '../evidence/situation.ts';
import { finishRollover } from '../finish.ts';
import { nextStep, type Step } from '../planning/planner.ts';
import type { Situation } from '../planning/situation.ts';
import { commitStep, commitWithdrawal } from '../step.ts';
import { blockedError } from './blocked.ts';
import { warnOfOpen } from './open-services.ts';
import type { RunRequest } from './request.ts';
import { warnOfCopies, warnOfWeaker } from './warnings.ts';

/** The records of a run: each is written in a turn among the writers, behind one more look at its guard. */
export class Commits {
  readonly #ctx: Context;
  readonly #writer: KeystoreWriter;
  readonly #request: RunRequest;
  readonly #requestId: string;

  constructor(ctx: Context, writer: KeystoreWriter, request: RunRequest, requestId: string) {
    this.#ctx = ctx;
    this.#writer = writer;
    this.#request = request;
    this.#requestId = requestId;
  }

  /** The next phase; what it rests on that is no handshake is said. @throws ERR_STATE as `#confirm` */
  async step(step: Step & { do: 'commit' }, situation: Situation): Promise<void> {
    warnOfOpen(this.#request, step.weaker);
    warnOfWeaker(
      this.#request,
      step.weaker.filter(({ checksNone }) => !checksNone),
    );
    const { from, to } = step;
    const requestId = this.#requestId;
    const confirm = (): Promise<void> => this.#confirm(step, situation);
    if (to === 'done') return this.#finish(confirm);
    const hasCarried = this.#request.carried !== undefined;
    if (to === 'stable')
      await this.inTurn(() =>
        abandonRollover(this.#writer, from as 'prepared' | 'rollback', requestId, confirm, hasCarried),
      );
    else await this.inTurn(() => commitStep(this.#writer, { from, to, requestId, confirm }));
  }

  /** From now on the bundles are without the new root. @throws ERR_STATE as `#confirm` */
  async withdrawal(step: Step & { do: 'withdraw' }, situation: Situation): Promise<void> {
    await this.inTurn(() => commitWithdrawal(this.#writer, this.#requestId, () => this.#confirm(step, situation)));
  }

  inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#writer.inTurn(this.#ctx.globals.wait, work);
  }

  async #finish(confirm: () => Promise<void>): Promise<void> {
    const { carried, root: open } = this.#request;
    const ours = this.#writer.keystore.state.rollover?.form === 'root';
    const lastCrl = carried?.lastCrl?.(this.#writer);
    const root = ours && lastCrl === undefined ? await open?.() : undefined;
    const requestId = this.#requestId;
    const done = await this.inTurn(() => finishRollover(this.#writer, { requestId, root, lastCrl, confirm }));
    warnOfCopies(this.#request, done);
  }

  /** The guard again, on the newest log and with the very proofs. @throws ERR_STATE when it does not hold any more */
  async #confirm(step: Step, { proofs, since }: Situation): Promise<void> {
    const { services, direction } = this.#request;
    const again = await situationOf(this.#writer.keystore, { services, proofs, now: this.#ctx.now(), since });
    const now = nextStep(again, { direction, attempted: EVERYTHING });
    if (now.do === step.do && (now.do !== 'commit' || step.do !== 'commit' || now.to === step.to)) return;
    throw now.do === 'blocked'
      ? blockedError(again.rollover.phase, now.blockers)
      : new ClusterCaError('ERR_STATE', 'the rollover has moved meanwhile', { hint: 'run the same command again' });
  }
}

const EVERYTHING: ReadonlySet<string> = Object.assign(new Set<string>(), { has: () => true });
