import { join, resolve } from 'node:path';
import { type Context, directoryStore, keystoreLocation, openKeystore } from '../context.ts';
import { ClusterCaError } from '../errors.ts';
import { type AnchorFound, anchorDirectory, damagedAnchor, findAnchor, parseHead } from '../keystore/anchor.ts';
import { clockWarning } from '../keystore/clock.ts';
import { decodeIdentity } from '../keystore/identity.ts';
import { readInputFile } from '../what/read-file.ts';
import { checkProof } from './check-proof.ts';
import { readCheckpoint } from './checkpoint.ts';
import { renderAudit, renderProof } from './render.ts';
import { auditLog } from './verify.ts';

export interface AuditVerifyOptions {
  auditKey?: string;
  expectHead?: string;
  since?: string;
  trust?: string[];
  proof?: string;
}

/**
 * Verifies the log of a keystore, or a proof taken from one.
 * @throws ERR_USAGE, ERR_CONFIG; ERR_KEYSTORE_TAMPERED and ERR_KEYSTORE_ROLLED_BACK are verdicts: the result is printed before
 */
export async function runAuditVerify(ctx: Context, options: AuditVerifyOptions): Promise<void> {
  const auditKey = options.auditKey?.toLowerCase().replaceAll(':', '');
  if (auditKey !== undefined && !/^[0-9a-f]{64}$/.test(auditKey))
    throw new ClusterCaError('ERR_USAGE', `not a fingerprint: ${options.auditKey}`, {
      hint: '64 hexadecimal digits, as init printed them',
    });
  const trust = options.trust?.map((path) => ({ name: path, bytes: readInputFile(path, 'trust bundle') }));
  if (options.proof !== undefined) return runProof(ctx, options, { auditKey, trust, now: ctx.now() });
  const expectHead = options.expectHead === undefined ? undefined : parseHead(options.expectHead);
  if (options.expectHead !== undefined && expectHead === undefined)
    throw new ClusterCaError('ERR_USAGE', `not a head: ${options.expectHead}`, {
      hint: 'SEQ:HASH, as audit verify prints it',
    });
  const store = directoryStore(keystoreLocation(ctx));
  const identityBytes = await store.readIdentity();
  if (identityBytes === undefined) await openKeystore(ctx);
  const since =
    options.since === undefined
      ? undefined
      : readCheckpoint(new TextDecoder().decode(readInputFile(options.since, 'checkpoint')), options.since);
  let found: AnchorFound = { state: 'none' };
  try {
    if (identityBytes) found = await findAnchor(anchorDirectory(ctx.env), decodeIdentity(identityBytes).id);
  } catch {
    // The replay says what is wrong with KEYSTORE.
  }
  const anchor = found.state === 'seen' ? found.anchor : undefined;
  const audited = await auditLog(store, {
    auditKey,
    expectHead,
    since,
    trust,
    anchor,
    now: ctx.now(),
    onProgress: (records) => ctx.ui.progress(`${records} records verified`),
  });
  const error = audited.error ?? (found.state === 'damaged' ? damagedAnchor(found) : undefined);
  const document = { ...audited.document, valid: error === undefined };
  ctx.ui.endProgress();
  const leap = document.last && clockWarning({ time: Date.parse(document.last) }, ctx.now());
  if (leap) ctx.ui.warn(leap);
  if (!document.rollbackChecked)
    ctx.ui.warn(
      'there is no anchor of this keystore here and no --expect-head or --since: an older copy of it would look the same',
    );
  ctx.ui.result(document, (style) => renderAudit(document, style));
  if (error !== undefined) throw error;
}

/** The proof alone says who signed it; that this is the right key comes from elsewhere. */
function runProof(
  ctx: Context,
  options: AuditVerifyOptions,
  known: { auditKey: string | undefined; trust: { name: string; bytes: Uint8Array }[] | undefined; now: Date },
): void {
  if (options.expectHead !== undefined || options.since !== undefined)
    throw new ClusterCaError(
      'ERR_USAGE',
      '--proof brings its own checkpoint: --expect-head and --since are of a whole log',
    );
  if (known.auditKey === undefined && known.trust === undefined)
    throw new ClusterCaError('ERR_USAGE', 'a proof is worth what its signer is: --proof wants --trust or --audit-key', {
      hint: "give the trust bundle of a node with --trust FILE, or the audit key's fingerprint that init printed with --audit-key",
    });
  const directory = resolve(ctx.cwd, options.proof as string);
  const { document, error } = checkProof((name) => readInputFile(join(directory, name)), known);
  ctx.ui.result(document, (style) => renderProof(document, style));
  if (error === undefined) return;
  // Whoever holds a proof may have nothing of the keystore: what is wrong is the proof, or who made it.
  const hint = 'have it made again: cluster-ca audit prove FILE --checkpoint CHECKPOINT';
  throw new ClusterCaError(error.code, error.message, { hint, details: error.details, cause: error });
}
