/** Every error code with its exit code. Stable: scripts match on both. */
export const EXIT_CODES = {
  ERR_USAGE: 2,
  ERR_CONFIG: 2,
  ERR_INPUT_REQUIRED: 2,
  ERR_PARTIAL: 3,
  ERR_ATTENTION: 4,
  ERR_POLICY: 5,
  ERR_LINT: 5,
  ERR_PATH: 5,
  ERR_NOT_FOUND: 6,
  ERR_EXISTS: 6,
  ERR_STATE: 6,
  ERR_CLOCK: 6,
  ERR_REMOTE: 7,
  ERR_TIMEOUT: 7,
  ERR_KEYSTORE_ABSENT: 10,
  ERR_KEYSTORE_BUSY: 11,
  ERR_PASSPHRASE: 12,
  ERR_KEYSTORE_TAMPERED: 13,
  ERR_KEYSTORE_ROLLED_BACK: 13,
  ERR_KEYSTORE_PERMISSIONS: 13,
  ERR_STORAGE: 14,
  ERR_OUTCOME_UNKNOWN: 75,
  ERR_CANCELLED: 130,
} as const;

export type ErrorCode = keyof typeof EXIT_CODES;

export interface ErrorOptions {
  /** The next command, or what to change. */
  hint?: string | undefined;
  /** Structured facts for `--json`: plain data, never a secret. */
  details?: Record<string, unknown> | undefined;
  cause?: unknown;
}

/** The same in every bundle, each of which has a copy of the class. */
const OURS = Symbol.for('cluster-ca error');

/**
 * The one error class: a stable code, a lower-case message that names the object, and a hint that gives the
 * next command. Whatever else is thrown is a bug (exit 1).
 */
export class ClusterCaError extends Error {
  readonly [OURS] = true;
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ClusterCaError';
    this.code = code;
    this.hint = options.hint;
    this.details = options.details;
  }

  get exitCode(): number {
    return EXIT_CODES[this.code];
  }
}

/**
 * True for a `ClusterCaError`, optionally with one of the given codes. By a mark, not by class: an error may come out of
 * another bundle of the command line than asks.
 */
export function isClusterCaError(error: unknown, ...codes: ErrorCode[]): error is ClusterCaError {
  if (!(error instanceof Error && OURS in error)) return false;
  return codes.length === 0 || codes.includes((error as ClusterCaError).code);
}
