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

/** Where the files of keys and certificates go, and whose they are. */
export function withPlacement(command: Command, files: string, whose: string): Command {
  return command
    .option('--out <dir>', `write DIR/NODE/PLANE/${files}.pem (default: here)`)
    .option('--owner <user:group>', `who owns the ${whose}`)
    .addOption(choice('--key-mode <mode>', 'mode of key.pem', ['0600', '0640', '0400']));
}

/** How new files are put into services. */
export function withDeployment(command: Command, when = ''): Command {
  return command
    .addOption(count('--max-unavailable <n>', `${when}nodes at the same time (default: 1)`))
    .option(
      '--cycle-connections',
      `${when}renew connections that rest on an older certificate, where no operation fails by it`,
    );
}

/** The inputs of the ordinary secret. */
export function withPassphrase(command: Command): Command {
  withSecret(command, 'passphrase', 'passphrase', '; - is standard input').option(
    '--key-file <path>',
    'open a key-file slot with this file',
  );
  return withSecret(command, 'pin', 'PIN of the token that has a CA key');
}

/** The inputs of the root domain's secret. */
export function withRootPassphrase(command: Command): Command {
  return withRootKeystore(withSecret(command, 'root-passphrase', 'root passphrase'));
}

/** Where the root domain is. */
export function withRootKeystore(
  command: Command,
  meaning = "where the root domain's keys are, when not in the keystore",
): Command {
  return command.option('--root-keystore <dir>', meaning);
}

/** The inputs of a new passphrase. */
export function withNewPassphrase(command: Command): Command {
  return withSecret(command, 'new-passphrase', 'new passphrase');
}

/** The inputs of the password of an exported file. */
export function withExportPassword(command: Command): Command {
  return withSecret(command, 'export-password', "PKCS#12 file's password");
}

/** A secret is never a flag's value: it comes from a descriptor, a file or a command. */
function withSecret(command: Command, flag: string, secret: string, stdin = ''): Command {
  return command
    .option(`--${flag}-fd <n>`, `read the ${secret} from this descriptor`)
    .option(`--${flag}-file <path>`, `read the ${secret} from this file${stdin}`)
    .option(`--${flag}-command <cmd>`, `read the ${secret} from what this command prints`);
}

/** The three steps where the root is on another machine. @param asked what the request asks for */
export function withCeremony(command: Command, asked: string): Command {
  return command
    .option('--request <file>', `write ${asked}`)
    .option('--sign <request>', 'there: do so with the key in --root-keystore, and write the answer to --out')
    .option('--accept <answer>', 'here again: record what was signed')
    .option('--out <answer>', 'with --sign: where the answer goes');
}

export function dryRun(command: Command): Command {
  return command.option('-n, --dry-run', 'say what would be done, and change nothing');
}
