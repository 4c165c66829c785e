import { type Context, openKeystoreToWrite } from '../../context.ts';
import { ClusterCaError, isClusterCaError } from '../../errors.ts';
import { slotObject } from '../../inspecting/keystore-document.ts';
import { renderSlots } from '../../keeping/render.ts';
import { changePassphrase } from '../../keeping/slots.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import type { UnlockedDomain } from '../../keystore/unlock.ts';
import { resolveNewPassphrase } from '../../secrets/resolve.ts';
import {
  openWriter,
  requireClock,
  secretContext,
  type UnlockOptions,
  unlockDaily,
  unlockRoot,
} from '../../unlocking.ts';

export interface NewPassphraseOptions {
  newPassphraseFd?: string;
  newPassphraseFile?: string;
  newPassphraseCommand?: string;
}

interface PassphraseOptions extends UnlockOptions, NewPassphraseOptions {
  dryRun?: boolean;
}

export function newPassphraseInputs(options: NewPassphraseOptions) {
  const { newPassphraseFd: fd, newPassphraseFile: file, newPassphraseCommand: command } = options;
  return { prefix: 'new' as const, fd, file, command };
}

/** Changes the secret of the slots that the old passphrase opens, in the daily domain and, where it opens it, the root domain. */
export async function runPassphrase(ctx: Context, options: PassphraseOptions): Promise<void> {
  const keystore = await openKeystoreToWrite(ctx, { rootKeystore: options.rootKeystore });
  await requireClock(ctx, keystore);
  // A dry run opens the keys and nothing else: a writer would try whether the place can be written.
  const writer = options.dryRun ? undefined : await openWriter(ctx, keystore, options);
  const daily = writer?.daily ?? (await unlockDaily(ctx, keystore, options));
  const domains = [daily];
  try {
    if (daily.slot.kind !== 'passphrase')
      throw new ClusterCaError('ERR_USAGE', 'a key file opened the keystore: its slot has no passphrase', {
        hint: 'give the old passphrase, or: cluster-ca keystore slot add NAME',
      });
    const root = await tryRoot(ctx, keystore, options);
    if (root !== undefined) domains.push(root);
    const old = domains.map(({ slot }) => slotObject(slot));
    if (writer === undefined)
      return ctx.ui.result(
        { slots: old, dryRun: true },
        (style) => `would change the passphrase of\n${renderSlots(old, style)}`,
      );
    const secret = await resolveNewPassphrase(newPassphraseInputs(options), secretContext(ctx));
    const slots = await writer.inTurn(ctx.globals.wait, () =>
      changePassphrase(writer, domains, secret, newRequestId()),
    );
    ctx.ui.result(
      { slots: slots.map(slotObject) },
      (style) =>
        `changed the passphrase of\n${renderSlots(slots.map(slotObject), style)}\nwho copied the old slot files can still open them with the old passphrase`,
    );
  } finally {
    for (const domain of domains) domain.close();
  }
}

/** The root domain, when the same secret opens it and its keys are at hand. */
async function tryRoot(
  ctx: Context,
  keystore: Keystore,
  options: PassphraseOptions,
): Promise<UnlockedDomain | undefined> {
  if (keystore.identity.rootElsewhere && keystore.options.rootStore === undefined) {
    ctx.ui.warn(
      'the root domain is kept elsewhere and was not looked at: if the old passphrase opens it, it still does; give --root-keystore DIR to change it there too',
    );
    return undefined;
  }
  try {
    const root = await unlockRoot(ctx, keystore, options);
    return root.slot.kind === 'passphrase' ? root : undefined;
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_PASSPHRASE', 'ERR_INPUT_REQUIRED')) throw error;
    ctx.ui.warn('the passphrase of the root domain is another one, and stays as it is');
    return undefined;
  }
}
