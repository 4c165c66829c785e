import { type Command, InvalidArgumentError, Option } from 'commander';
import { DEFAULT_MAX_DEPTH } from '../pki/path/options.ts';
import { parseDuration } from '../values/duration.ts';

/** An option that may be repeated, one value each: it never swallows the next word. */
export function repeatable(flags: string, description: string): Option {
  const option = new Option(flags, description).argParser((value: string, previous: string[] | undefined) => [
    ...(previous ?? []),
    value,
  ]);
  return Object.assign(option, { repeatable: true });
}

/** An option whose value is a duration; its value is in seconds. */
export function duration(flags: string, description: string): Option {
  return new Option(flags, description).argParser(toSeconds);
}

/** @throws InvalidArgumentError */
export function toSeconds(text: string): number {
  const seconds = parseDuration(text);
  if (seconds === undefined)
    throw new InvalidArgumentError('a duration is a whole number and s, m, h, d or y, such as 90d or 12h');
  return seconds;
}

/** An option whose value is a whole number from 1. */
export function count(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text: string) => {
    if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('a whole number from 1');
    return Number(text);
  });
}

/** An option that takes one of these words. */
export function choice(flags: string, description: string, choices: readonly string[]): Option {
  return new Option(flags, description).choices(choices);
}

/** What path validation may be told. */
export function withPathFlags(command: Command): Command {
  return command
    .option('--max-depth <n>', `intermediates allowed (default ${DEFAULT_MAX_DEPTH})`)
    .addOption(repeatable('--policy <oid>', 'a certificate policy that is acceptable'))
    .option('--require-explicit-policy', 'the path must be valid for a policy')
    .option('--inhibit-policy-mapping', 'policy mappings do not count')
    .option('--inhibit-any-policy', 'anyPolicy does not count')
    .option('--strict', 'also what RFC 5280 asks of issuers')
    .option('--insecure-allow-sha1', 'accept signatures with SHA-1')
    .option('--insecure-allow-md5', 'accept signatures with MD5')
    .option('--insecure-allow-small-rsa', 'accept RSA keys under 2048 bits');
}

/** How to connect to HOST:PORT. */
export function withConnection(command: Command): Command {
  return command
    .option('--cert <file>', 'to HOST:PORT with this client certificate, PEM with its chain')
    .option('--key <file>', 'and its private key')
    .option('--starttls <protocol>', 'what comes before TLS: postgres, smtp, imap, pop3, ftp, ldap, mysql');
}

/** The inputs of the ordinary secret. */
export function withPassphrase(command: Command): Command {
  return command
    .option('--passphrase-fd <n>', 'read the passphrase from this descriptor')
    .option('--passphrase-file <path>', 'read the passphrase from this file; - is standard input')
    .option('--passphrase-command <cmd>', 'read the passphrase from what this command prints')
    .option('--key-file <path>', 'open a key-file slot with this file');
}

/** The inputs of the root domain's secret. */
export function withRootPassphrase(command: Command): Command {
  return command
    .option('--root-passphrase-fd <n>', 'read the root passphrase from this descriptor')
    .option('--root-passphrase-file <path>', 'read the root passphrase from this file')
    .option('--root-passphrase-command <cmd>', 'read the root passphrase from what this command prints')
    .option('--root-keystore <dir>', "where the root domain's keys are, when not in the keystore");
}

/** The inputs of a new passphrase. */
export function withNewPassphrase(command: Command): Command {
  return command
    .option('--new-passphrase-fd <n>', 'read the new passphrase from this descriptor')
    .option('--new-passphrase-file <path>', 'read the new passphrase from this file')
    .option('--new-passphrase-command <cmd>', 'read the new passphrase from what this command prints');
}

/** The inputs of the password of an exported file. */
export function withExportPassword(command: Command): Command {
  return command
    .option('--export-password-fd <n>', "read the PKCS#12 file's password from this descriptor")
    .option('--export-password-file <path>', "read the PKCS#12 file's password from this file")
    .option('--export-password-command <cmd>', "read the PKCS#12 file's password from what this command prints");
}

export function dryRun(command: Command): Command {
  return command.option('-n, --dry-run', 'say what would be done, and change nothing');
}
