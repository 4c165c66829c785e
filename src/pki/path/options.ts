import type { Insecure } from './algorithms.ts';
import type { BudgetLimits } from './budget.ts';

/** `any`: extended key usage is not examined. Anything else is an object identifier. */
export type Purpose = 'any' | 'server' | 'client' | (string & {});

/** What a caller of path validation may choose (RFC 5280 §6.1.1 and cli.md "verify"). */
export interface PathOptions {
  /** Every one must match a subject alternative name; a DNS name, IP address, e-mail address or URI, told apart by form. */
  names?: readonly string[];
  /** All of them must be allowed. Default: any. */
  purposes?: readonly Purpose[];
  /** Intermediates allowed, self-issued ones not counted. Default 6. */
  maxDepth?: number;
  /** The user-initial-policy-set; empty or absent means any-policy. */
  policies?: readonly string[];
  requireExplicitPolicy?: boolean;
  inhibitPolicyMapping?: boolean;
  inhibitAnyPolicy?: boolean;
  /** Also what RFC 5280 asks of issuers. */
  strict?: boolean;
  /** Weak algorithms and keys that are accepted all the same. */
  allow?: ReadonlySet<Insecure>;
  budget?: Partial<BudgetLimits>;
}

export const DEFAULT_MAX_DEPTH = 6;
