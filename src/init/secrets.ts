import type { Secret } from '../keystore/envelope/slot.ts';
import { isGiven } from '../secrets/inputs.ts';
import { readOrMakeKeyFile } from '../secrets/key-file.ts';
import { passphraseGiven, resolveNewPassphrase, type SecretContext } from '../secrets/resolve.ts';
import { ordinaryInputs, rootInputs, type UnlockOptions } from '../unlocking.ts';

/**
 * What opens a new keystore: a key file, made where it is absent, a passphrase, or both; and for the root domain its
 * own passphrase, or the same.
 * @throws ERR_INPUT_REQUIRED, ERR_POLICY
 */
export async function initSecrets(
  options: UnlockOptions,
  context: SecretContext,
): Promise<{ daily: Secret[]; root: Secret[] }> {
  const inputs = { ...ordinaryInputs(options), keyFile: undefined };
  const keyFile = options.keyFile ?? context.env.CLUSTER_CA_KEY_FILE;
  const daily: Secret[] = [];
  if (keyFile === undefined || passphraseGiven(inputs, context.env))
    daily.push(await resolveNewPassphrase(inputs, context));
  const own = rootInputs(options);
  const root = isGiven(own) ? [await resolveNewPassphrase(own, context, 'new root passphrase')] : undefined;
  if (keyFile !== undefined) daily.push({ kind: 'key-file', bytes: await readOrMakeKeyFile(keyFile) });
  return { daily, root: root ?? daily };
}
