import type { Context } from '../context.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import type { Secret } from '../keystore/envelope/slot.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { type UnlockedDomain, unlock } from '../keystore/unlock.ts';
import { readCredentials, readPinCredential } from '../secrets/credentials.ts';
import { isGiven } from '../secrets/inputs.ts';
import { resolveSecrets } from '../secrets/resolve.ts';
import { askedFor, ordinaryInputs, pinInputs, pinSource, secretContext, type UnlockOptions } from '../unlocking.ts';

/**
 * Opens the daily domain for as long as the daemon runs, with systemd's credential where there is one and no flag says
 * otherwise. A secret that opens a slot of the root domain is refused: whoever broke into the daemon would have the root CA.
 * @throws ERR_POLICY for such a secret; ERR_INPUT_REQUIRED, ERR_PASSPHRASE, ERR_KEYSTORE_TAMPERED
 */
export async function unlockForServing(
  ctx: Context,
  keystore: Keystore,
  options: UnlockOptions,
): Promise<UnlockedDomain> {
  const inputs = ordinaryInputs(options);
  const credentials = isGiven(inputs) ? [] : readCredentials(ctx.env);
  const secrets =
    credentials.length > 0
      ? credentials
      : await resolveSecrets(inputs, secretContext(ctx), askedFor(keystore, 'daily'));
  try {
    await refuseRoot(keystore, secrets);
    const daily = await unlock(keystore, 'daily', secrets);
    const pin = isGiven(pinInputs(options)) ? undefined : readPinCredential(ctx.env);
    daily.pin = pin === undefined ? pinSource(ctx, options) : async () => pin.slice();
    return daily;
  } finally {
    for (const secret of secrets) secret.bytes.fill(0);
  }
}

async function refuseRoot(keystore: Keystore, secrets: Secret[]): Promise<void> {
  // Elsewhere, its slots are not here to be opened, and neither are its keys.
  if (keystore.identity.rootElsewhere) return;
  for (const secret of secrets) {
    if (!(await opensRoot(keystore, secret))) continue;
    const what = secret.kind === 'key-file' ? 'key file' : 'passphrase';
    throw new ClusterCaError(
      'ERR_POLICY',
      `this ${what} opens the root domain of ${keystore.state.cluster} too: a daemon must not hold it`,
      {
        hint: 'give the daemon a key of its own: cluster-ca keystore slot add serve --domain daily --new-key-file serve.key, then cluster-ca serve --key-file serve.key',
      },
    );
  }
}

async function opensRoot(keystore: Keystore, secret: Secret): Promise<boolean> {
  try {
    (await unlock(keystore, 'root', [secret])).close();
    return true;
  } catch (error) {
    if (isClusterCaError(error, 'ERR_PASSPHRASE')) return false;
    throw error;
  }
}
