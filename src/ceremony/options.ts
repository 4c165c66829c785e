import type { UnlockOptions } from '../unlocking.ts';

/** The flags of a ceremony's three steps, as commander hands them over. */
export interface CeremonyOptions extends UnlockOptions {
  /** Where the request goes; the request to sign; the answer to take. */
  request?: string;
  sign?: string;
  accept?: string;
  /** Where the answer goes. */
  out?: string;
  dryRun?: boolean;
}
