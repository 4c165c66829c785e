import { ClusterCaError } from '../errors.ts';
import type { Secret } from '../keystore/envelope/slot.ts';
import { fromShares } from '../shares/split.ts';
import { isGiven, type SecretInputs, secretFlag } from './inputs.ts';
import { readKeyFile } from './key-file.ts';
import { checkNewPassphrase, normalizePassphrase } from './passphrase.ts';
import { readCommand, readDescriptor, readSecretFile } from './read-source.ts';

export interface SecretContext {
  env: Record<string, string | undefined>;
  /** Asks on the terminal without echo; undefined where no question may be asked. */
  prompt: ((message: string) => Promise<string>) | undefined;
  /** What was read in this run, by its source: a descriptor is read once, a question asked once. */
  read?: Map<string, Promise<Uint8Array | undefined>>;
}

/** Whose secret is meant, for a question and for what is said when there is none. */
export interface Asked {
  /** `passphrase of orders`. */
  what: string;
  /** No passphrase would open it: none is asked for. */
  keyFileOnly: boolean;
}

/**
 * The secrets that open a slot: a key file first, then a passphrase, from flags, then the environment, then a prompt.
 * @throws ERR_INPUT_REQUIRED when there is none and none can be asked for
 */
export async function resolveSecrets(
  inputs: SecretInputs,
  context: SecretContext,
  { what, keyFileOnly }: Asked = { what: 'passphrase', keyFileOnly: false },
): Promise<Secret[]> {
  const secrets: Secret[] = [];
  const keyFile = inputs.keyFile ?? (inputs.prefix === '' ? context.env.CLUSTER_CA_KEY_FILE : undefined);
  if (keyFile !== undefined) secrets.push({ kind: 'key-file', bytes: readKeyFile(keyFile) });
  const passphrase = await once(context, 'passphrase', inputs, () => readPassphrase(inputs, context));
  if (passphrase !== undefined)
    secrets.push({ kind: 'passphrase', bytes: normalizePassphrase(await fromShares(passphrase)) });
  if (secrets.length > 0) return secrets;
  if (keyFileOnly)
    throw new ClusterCaError('ERR_INPUT_REQUIRED', `no ${what.replace('passphrase', 'key file')} was given`, {
      hint: 'give it with --key-file PATH; no passphrase opens it, so --passphrase-file PATH would not help',
    });
  return [
    {
      kind: 'passphrase',
      bytes: normalizePassphrase(
        (await once(context, 'prompt', inputs, () => promptFor(inputs, context, `${what}:`))) as Uint8Array,
      ),
    },
  ];
}

/** A new passphrase, asked for twice on a terminal. @throws ERR_INPUT_REQUIRED, ERR_POLICY, ERR_CANCELLED when the two differ */
export async function resolveNewPassphrase(
  inputs: SecretInputs,
  context: SecretContext,
  what = 'new passphrase',
): Promise<Secret> {
  const given = await readPassphrase(inputs, context);
  if (given !== undefined) return fresh(given);
  const first = await promptFor(inputs, context, `${what}:`);
  const secret = fresh(first);
  const second = normalizePassphrase(await promptFor(inputs, context, `${what}, once more:`));
  if (Buffer.compare(secret.bytes, second) !== 0)
    throw new ClusterCaError('ERR_CANCELLED', 'the two passphrases differ');
  return secret;
}

/** True when a flag or, for the ordinary secret, the environment gives a passphrase. */
export function passphraseGiven(inputs: SecretInputs, env: Record<string, string | undefined>): boolean {
  if (isGiven({ ...inputs, keyFile: undefined })) return true;
  return (
    inputs.prefix === '' &&
    [env.CLUSTER_CA_PASSPHRASE_FILE, env.CLUSTER_CA_PASSPHRASE_COMMAND, env.CLUSTER_CA_PASSPHRASE].some(
      (v) => v !== undefined,
    )
  );
}

/** True when a passphrase comes from a file or the environment: to read it asks nobody and runs nothing. */
export function isAtHand(
  { fd, file, command, keyFile }: SecretInputs,
  env: Record<string, string | undefined>,
): boolean {
  if (fd !== undefined || file !== undefined || command !== undefined || keyFile !== undefined)
    return fd === undefined && file !== undefined && file !== '-';
  if (env.CLUSTER_CA_PASSPHRASE_FILE !== undefined) return env.CLUSTER_CA_PASSPHRASE_FILE !== '-';
  return env.CLUSTER_CA_PASSPHRASE_COMMAND === undefined && env.CLUSTER_CA_PASSPHRASE !== undefined;
}

function once(
  context: SecretContext,
  kind: string,
  inputs: SecretInputs,
  read: () => Promise<Uint8Array | undefined>,
): Promise<Uint8Array | undefined> {
  const source = JSON.stringify([kind, inputs]);
  const known = context.read?.get(source) ?? read();
  context.read?.set(source, known);
  return known;
}

function fresh(bytes: Uint8Array): Secret {
  const secret: Secret = { kind: 'passphrase', bytes: normalizePassphrase(bytes) };
  checkNewPassphrase(secret.bytes);
  return secret;
}

/**
 * The PIN of a token: from its flags, from the file that the token's URI names, or asked for.
 * @throws ERR_INPUT_REQUIRED, ERR_USAGE, ERR_KEYSTORE_PERMISSIONS
 */
export async function resolvePin(
  inputs: SecretInputs,
  context: SecretContext,
  token: string,
  pinSource: string | undefined,
): Promise<Uint8Array> {
  const file = isGiven(inputs) ? inputs.file : pinSource;
  // It may be wanted for a second token, and is zeroed behind each use: what was read is copied.
  const given = await once(context, 'pin', { ...inputs, file }, () =>
    readPassphrase({ ...inputs, file }, context, 'PIN file'),
  );
  const pin = given?.slice() ?? (await promptFor(inputs, context, `PIN of the token ${token}:`));
  return normalizePassphrase(pin);
}

async function readPassphrase(
  inputs: SecretInputs,
  { env }: SecretContext,
  what = 'passphrase file',
): Promise<Uint8Array | undefined> {
  const flag = (rest: string): string => secretFlag(inputs.prefix, rest);
  if (inputs.fd !== undefined) return readDescriptor(inputs.fd, flag('passphrase-fd'));
  if (inputs.file !== undefined) return readSecretFile(inputs.file, what);
  if (inputs.command !== undefined) return readCommand(inputs.command, env, flag('passphrase-command'));
  if (inputs.prefix !== '' || inputs.keyFile !== undefined) return undefined;
  if (env.CLUSTER_CA_PASSPHRASE_FILE !== undefined)
    return readSecretFile(env.CLUSTER_CA_PASSPHRASE_FILE, 'passphrase file');
  if (env.CLUSTER_CA_PASSPHRASE_COMMAND !== undefined)
    return readCommand(env.CLUSTER_CA_PASSPHRASE_COMMAND, env, 'CLUSTER_CA_PASSPHRASE_COMMAND');
  return env.CLUSTER_CA_PASSPHRASE === undefined ? undefined : new TextEncoder().encode(env.CLUSTER_CA_PASSPHRASE);
}

async function promptFor(inputs: SecretInputs, { prompt }: SecretContext, message: string): Promise<Uint8Array> {
  if (prompt === undefined)
    throw new ClusterCaError('ERR_INPUT_REQUIRED', `no ${message.replace(/[:,].*$/, '')} was given`, {
      hint: `give one with ${secretFlag(inputs.prefix, 'passphrase-file')} PATH, ${secretFlag(inputs.prefix, 'passphrase-fd')} N or ${secretFlag(inputs.prefix, ['root', 'export', 'pin'].includes(inputs.prefix) ? 'passphrase-command CMD' : 'key-file PATH')}`,
    });
  return new TextEncoder().encode(await prompt(message));
}
