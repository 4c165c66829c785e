import { resolve } from 'node:path';
import { hasRoot } from '../../backup/content.ts';
import { makeBackup } from '../../backup/make.ts';
import { checkBackupPlace } from '../../backup/place.ts';
import { type Context, openKeystoreToWrite } from '../../context.ts';
import { tokenName } from '../../crypto/token/uri.ts';
import { ClusterCaError } from '../../errors.ts';
import type { Secret } from '../../keystore/envelope/slot.ts';
import { liveAuthorities } from '../../keystore/hierarchy.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import { tokenOf, unlock } from '../../keystore/unlock.ts';
import { KeystoreWriter } from '../../keystore/writer.ts';
import { isGiven } from '../../secrets/inputs.ts';
import { readOrMakeKeyFile } from '../../secrets/key-file.ts';
import { resolveNewPassphrase, resolveSecrets } from '../../secrets/resolve.ts';
import { askedFor, ordinaryInputs, requireClock, secretContext, type UnlockOptions } from '../../unlocking.ts';
import { type NewPassphraseOptions, newPassphraseInputs } from './passphrase.ts';

interface BackupOptions extends UnlockOptions, NewPassphraseOptions {
  out?: string;
  newKeyFile?: string;
  dryRun?: boolean;
}

/** Writes the keystore into one encrypted file, and shows by a trial restore that it can be restored. */
export async function runBackup(ctx: Context, options: BackupOptions): Promise<void> {
  if (options.out === undefined || options.out === '-')
    throw new ClusterCaError('ERR_USAGE', 'where to? a backup is a file of its own', {
      hint: 'give it with --out FILE',
    });
  if (options.newKeyFile !== undefined && isGiven(newPassphraseInputs(options)))
    throw new ClusterCaError('ERR_USAGE', 'a backup takes a passphrase or a key file, not both');
  const keystore = await openKeystoreToWrite(ctx, { rootKeystore: options.rootKeystore });
  const path = resolve(ctx.cwd, options.out);
  checkBackupPlace(path, keystore.store.location, options.rootKeystore && resolve(ctx.cwd, options.rootKeystore));
  if (!hasRoot(keystore))
    ctx.ui.warn(
      "the root domain is kept elsewhere: the root CA's key is not in this backup. Give --root-keystore DIR, or back its medium up by itself",
    );
  for (const { id, sealed } of liveAuthorities(keystore.state)) {
    const token = await tokenOf(keystore, sealed);
    if (token !== undefined)
      ctx.ui.warn(
        `the key of ${id} is in the token ${tokenName(token.uri)}, and not in this backup: back the token up by its own tools`,
      );
  }
  if (options.dryRun)
    return ctx.ui.result(
      { files: [path], dryRun: true },
      () => `would write a backup of ${keystore.state.seq + 1} records to ${path}`,
    );
  await requireClock(ctx, keystore);
  const given = await resolveSecrets(ordinaryInputs(options), secretContext(ctx), askedFor(keystore, 'daily'));
  const daily = await unlock(keystore, 'daily', given);
  const keystoreSecret = given.find(({ kind }) => kind === daily.slot.kind) as Secret;
  let own: Secret | undefined;
  try {
    own = await ownSecret(ctx, options);
    const writer = await KeystoreWriter.open(keystore, daily, {
      now: ctx.now,
      acceptClock: ctx.globals.acceptClock ?? false,
      warn: (message) => ctx.ui.warn(message),
    });
    const plan = { path, keystoreSecret, secret: own ?? keystoreSecret, requestId: newRequestId(), now: ctx.now };
    await writer.inTurn(ctx.globals.wait, () =>
      makeBackup(writer, { ...plan, onProgress: (text) => ctx.ui.progress(text) }),
    );
  } finally {
    ctx.ui.endProgress();
    daily.close();
    for (const { bytes } of own === undefined ? given : [...given, own]) bytes.fill(0);
  }
  const opens =
    own === undefined
      ? `the keystore's ${keystoreSecret.kind.replace('-', ' ')}`
      : `its own ${own.kind.replace('-', ' ')}`;
  ctx.ui.result(
    { files: [path] },
    () =>
      `wrote ${path}, and restored it on trial: it is whole; ${opens} opens it\nnext: keep it on another machine, and what opens it apart from it; cluster-ca keystore restore FILE --keystore DIR puts it back`,
  );
}

/** A secret for the file alone, where one is given. */
async function ownSecret(ctx: Context, options: BackupOptions): Promise<Secret | undefined> {
  if (options.newKeyFile !== undefined) return { kind: 'key-file', bytes: await readOrMakeKeyFile(options.newKeyFile) };
  const inputs = newPassphraseInputs(options);
  return isGiven(inputs) ? resolveNewPassphrase(inputs, secretContext(ctx), 'passphrase of the backup') : undefined;
}
