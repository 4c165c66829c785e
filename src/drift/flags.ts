import type { UnlockOptions } from '../unlocking.ts';

/** The flags of `verify --inventory`, as commander hands them over. */
export interface DriftFlags extends UnlockOptions {
  inventory?: string;
  format?: 'text' | 'json' | 'junit' | 'sarif';
  plane?: string[];
  cert?: string;
  key?: string;
  /** Look with a certificate made for it. A secret that is named on the command line says the same. */
  probe?: boolean;
  dryRun?: boolean;
}

/** True when the command line unlocks the keystore: for looking, that is asked for by nothing but a probe. */
export function wantsProbe({ probe, passphraseFd, passphraseFile, passphraseCommand, keyFile }: DriftFlags): boolean {
  return probe === true || [passphraseFd, passphraseFile, passphraseCommand, keyFile].some((v) => v !== undefined);
}
