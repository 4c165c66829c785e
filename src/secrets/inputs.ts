/**
 * Where a secret may come from, in the order in which the sources are tried. The ordinary one has no prefix; others
 * (`root`, `new`, `export`, `pin`) have flags of the same form.
 */
export interface SecretInputs {
  /** The prefix of the flags, without a dash. */
  prefix: '' | 'root' | 'new' | 'export' | 'pin';
  fd?: string | undefined;
  file?: string | undefined;
  command?: string | undefined;
  keyFile?: string | undefined;
}

/** The flag that gives a source: `--root-passphrase-file`; what protects an exported file is called a password. */
export function secretFlag(prefix: SecretInputs['prefix'], rest: string): string {
  if (prefix === 'export') return `--export-${rest.replace('passphrase', 'password')}`;
  if (prefix === 'pin') return `--${rest.replace('passphrase', 'pin')}`;
  return `--${prefix === '' ? '' : `${prefix}-`}${rest}`;
}

/** True when a source is named by a flag. */
export function isGiven(inputs: SecretInputs): boolean {
  return [inputs.fd, inputs.file, inputs.command, inputs.keyFile].some((value) => value !== undefined);
}
