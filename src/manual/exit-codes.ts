import { EXIT_CODES } from '../errors.ts';

/** What each exit code means. */
export const EXIT_MEANINGS: Readonly<Record<number, string>> = {
  0: 'Done, or nothing to do.',
  1: 'A bug in cluster-ca.',
  2: 'Wrong usage, a bad configuration or input file, or input that was needed and could not be asked for.',
  3: 'Partial: some nodes or targets failed; each is named.',
  4: 'Something needs attention.',
  5: 'Refused: policy, lint, or a path that does not validate.',
  6: 'Not found, already there, or in the wrong state.',
  7: 'A remote is unreachable, rejected us, or timed out.',
  10: 'There is no keystore there.',
  11: 'The keystore is busy.',
  12: 'The passphrase is wrong.',
  13: 'The keystore is tampered with, corrupt or rolled back, or has unsafe permissions.',
  14: 'Storage failed: a full disk, an I/O error, a read-only file system. Nothing was issued, or the error says what was, and the same command finishes the files.',
  75: 'The outcome is unknown after an I/O error: run the command again with the request id that is printed.',
  130: 'Interrupted, or declined.',
};

/** The error codes of `--json` that end with an exit code. */
export function errorCodes(exit: number): string[] {
  return Object.entries(EXIT_CODES).flatMap(([code, number]) => (number === exit ? [code] : []));
}
