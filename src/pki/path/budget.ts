/** How much work one validation may cost. Reached only by graphs made to be expensive. */
export interface BudgetLimits {
  /** Signature checks, of certificates and CRLs. */
  signatures: number;
  /** Certificates put on a path, successful or not. */
  builds: number;
  /** Comparisons of a name with a constraint. */
  names: number;
  /** Small steps of which there may be very many: a candidate or a policy looked at, a CRL held against a distribution point. */
  steps: number;
}

/**
 * A thread checks 15,000 signatures of P-256 a second, and over 1,000 of the slowest curve; each of the others is spent
 * within about half a second.
 */
export const DEFAULT_BUDGET: BudgetLimits = { signatures: 1_000, builds: 50_000, names: 1 << 20, steps: 1 << 20 };

/** Thrown inside path processing only; it becomes a `budget-…` failure. */
export class BudgetExceeded extends Error {
  readonly resource: keyof BudgetLimits;

  constructor(resource: keyof BudgetLimits) {
    super(`budget of ${resource} exceeded`);
    this.name = 'BudgetExceeded';
    this.resource = resource;
  }
}

export class Budget {
  readonly #left: BudgetLimits;

  constructor(limits: Partial<BudgetLimits> = {}) {
    this.#left = { ...DEFAULT_BUDGET, ...limits };
  }

  /** @throws BudgetExceeded once more than the limit was spent */
  spend(resource: keyof BudgetLimits, amount = 1): void {
    this.#left[resource] -= amount;
    if (this.#left[resource] < 0) throw new BudgetExceeded(resource);
  }
}
