import { ClusterCaError, isClusterCaError } from '../errors.ts';

export interface Finding {
  /** The file, as it is named inside the keystore. */
  file: string;
  problem: string;
  hint: string;
}

export const RESTORE = 'restore the keystore from a backup';

/** What a check finds: each failure with the file that it is about. @throws what is no failure of the keystore */
export async function lookAt(
  findings: Finding[],
  file: string,
  hint: string | undefined,
  check: () => Promise<unknown> | unknown,
): Promise<void> {
  try {
    await check();
  } catch (error) {
    if (!isClusterCaError(error)) throw error;
    findings.push({ file, problem: error.message, hint: hint ?? error.hint ?? RESTORE });
  }
}

export function damaged(problem: string): ClusterCaError {
  return new ClusterCaError('ERR_KEYSTORE_TAMPERED', problem);
}
