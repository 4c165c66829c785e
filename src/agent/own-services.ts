import type { Unit } from '../deployment/unit.ts';
import type { Journal } from '../ui/journal.ts';
import { type Deployed, deployOwn } from './deploying.ts';
import { type Holding, shortestLife } from './holding.ts';
import type { Desired } from './protocol.ts';
import { Retry, random } from './retry.ts';

/** The first pause and the longest, milliseconds: for a service that is down, and for one that takes nothing. */
const DOWN = [1_000, 15_000] as const;
const REFUSING = [1_000, 300_000] as const;

export interface OwnServicesOptions {
  units: readonly Unit[];
  now: () => Date;
  journal: Journal;
  /** What is said beside the journal. */
  warn: (message: string) => void;
}

/** The services of the agent's node: they are given what they are to have, and tried again when they do not take it. */
export class OwnServices {
  readonly #options: OwnServicesOptions;
  readonly #down = new Retry(...DOWN, random);
  readonly #refusing = new Retry(...REFUSING, random);
  /** What was deployed last, and of what. */
  #deployed: { of: string; result: Deployed } | undefined;
  #applied: string | undefined;
  #told = '';

  constructor(options: OwnServicesOptions) {
    this.#options = options;
  }

  /** The version of what all of them have. */
  get applied(): string | undefined {
    return this.#applied;
  }

  /** When they are tried again, milliseconds since 1970. */
  get retries(): number[] {
    return [this.#down.next, this.#refusing.next].flatMap((time) => time ?? []);
  }

  /**
   * A service that has refused what it was given is not troubled with the same again at once.
   * @param asked whether somebody waits for it: then it is
   */
  async deploy(desired: Desired, holdings: readonly Holding[], asked: boolean): Promise<Deployed> {
    const { units, now, warn } = this.#options;
    const of = [desired.version, ...holdings.map(({ fingerprint }) => fingerprint)].join(' ');
    const waits = (this.#refusing.next ?? 0) > now().getTime();
    if (waits && !asked && this.#deployed?.of === of) return this.#deployed.result;
    const result = await deployOwn({ units, holdings, desired, now, warn });
    this.#deployed = { of, result };
    const states = result.services.map(({ state }) => state);
    this.#settle(this.#refusing, states.includes('failed'), holdings);
    this.#settle(this.#down, states.includes('pending'), holdings);
    if (!states.includes('failed') && !states.includes('pending')) this.#applied = desired.version;
    this.#tell(result);
    return result;
  }

  #settle(retry: Retry, failed: boolean, holdings: readonly Holding[]): void {
    if (failed) retry.failed(shortestLife(holdings), this.#options.now().getTime());
    else retry.succeeded();
  }

  /** What has changed of the services. */
  #tell({ services }: Deployed): void {
    const { journal } = this.#options;
    const told = services
      .map(({ kind, address, dir, state, served, error }) =>
        [kind, address ?? dir, state === 'unchanged' ? 'confirmed' : state, served, error?.message].join(' '),
      )
      .join('\n');
    if (told !== this.#told)
      for (const { plane, kind, address, dir, state, served, error } of services)
        journal.say('service', {
          plane,
          service: `${kind} ${address ?? dir}`,
          state,
          served,
          error: error?.message,
          hint: error?.hint,
        });
    this.#told = told;
  }
}
