import { type Context, openKeystoreToWrite } from '../context.ts';
import { fromBase64, toBase64 } from '../pki/encoding.ts';
import { type UnlockOptions, unlockDaily } from '../unlocking.ts';
import { originOf, signCheckpoint, verifierKey } from './checkpoint.ts';
import { auditLog } from './verify.ts';

/**
 * Prints a checkpoint of the whole log. It signs nothing that it has not verified: every record, and that this user has
 * seen no later one.
 * @throws ERR_KEYSTORE_TAMPERED, ERR_KEYSTORE_ROLLED_BACK, ERR_PASSPHRASE, ERR_INPUT_REQUIRED
 */
export async function runCheckpoint(ctx: Context, options: UnlockOptions): Promise<void> {
  const keystore = await openKeystoreToWrite(ctx);
  const untold = await keystore.checkRollback();
  if (untold !== undefined) ctx.ui.warn(untold);
  const daily = await unlockDaily(ctx, keystore, options);
  try {
    const { document, error } = await auditLog(keystore.store, {
      auditKey: undefined,
      expectHead: undefined,
      trust: undefined,
      anchor: undefined,
      now: ctx.now(),
      onProgress: (records) => ctx.ui.progress(`${records} records verified`),
    });
    ctx.ui.endProgress();
    if (error !== undefined) throw error;
    const origin = originOf(keystore.state.cluster, keystore.identity.id);
    const auditKey = fromBase64(keystore.identity.auditKey);
    const checkpoint = { origin, size: document.records, root: fromBase64(document.root as string) };
    const note = await signCheckpoint(checkpoint, auditKey, await daily.signer(keystore.state.audit.sealed, 'ed25519'));
    if (!ctx.ui.options.json) return ctx.ui.raw(note);
    ctx.ui.result(
      {
        ...checkpoint,
        root: toBase64(checkpoint.root),
        head: document.head,
        checkpoint: note,
        verifierKey: verifierKey(origin, auditKey),
      },
      () => '',
    );
  } finally {
    daily.close();
  }
}
