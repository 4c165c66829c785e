import { ClusterCaError, isClusterCaError } from '../../errors.ts';

/** A failure that another attempt may not have. */
export function passing(message: string, hint: string, cause?: unknown): ClusterCaError {
  return new ClusterCaError('ERR_REMOTE', message, { hint, cause });
}

/** A failure that every attempt would have: somebody has to change something. */
export function permanent(message: string, hint: string, cause?: unknown): ClusterCaError {
  return new ClusterCaError('ERR_REMOTE', message, { hint, cause, details: { permanent: true } });
}

/** True when another attempt is of no use. */
export function isPermanent(error: unknown): boolean {
  return !isClusterCaError(error) || error.details?.permanent === true;
}

/** The message of whatever was thrown, on one line. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message || String((error as NodeJS.ErrnoException).code) : String(error);
  return text.split('\n')[0] ?? '';
}
