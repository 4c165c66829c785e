import { formatDuration } from '../values/duration.ts';
import { type Answers, LIFETIMES, withoutDefaults } from './answers.ts';

/** The words of the command that does what the answers ask for. */
export function initWords(all: Answers): string[] {
  const answers = withoutDefaults(all);
  const words = ['cluster-ca', 'init', answers.cluster];
  const add = (flag: string, ...values: (string | undefined)[]): void => {
    for (const value of values) if (value !== undefined) words.push(flag, value);
  };
  add('--domain', ...(answers.domains ?? []));
  add('--permit-ip', ...(answers.permitIp ?? []));
  add('--plane', ...(answers.planes ?? []));
  add('--key-type', answers.keyType);
  add('--node-key-type', answers.nodeKeyType);
  for (const name of LIFETIMES) {
    const seconds = answers[name];
    if (seconds !== undefined) add(`--${kebab(name)}`, formatDuration(seconds));
  }
  add('--crl-url', answers.crlUrl);
  add('--key-file', answers.keyFile);
  add('--keystore', answers.keystore);
  return words;
}

/** `rootLifetime` as `root-lifetime`. */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
