import { type Context, directoryStore, keystoreLocation, openKeystore, openKeystoreAt } from '../../context.ts';
import { ClusterCaError, isClusterCaError } from '../../errors.ts';
import { checkUnsealing } from '../../keeping/check.ts';
import { examineKeystore } from '../../keeping/examine.ts';
import type { Finding } from '../../keeping/finding.ts';
import { renderCheck } from '../../keeping/render.ts';
import { repairDerived } from '../../keeping/repair.ts';
import {
  type AnchorFound,
  anchorDirectory,
  damagedAnchor,
  findAnchor,
  unwitnessed,
  writeAnchor,
} from '../../keystore/anchor.ts';
import type { Secret } from '../../keystore/envelope/slot.ts';
import { hasExternalRoot } from '../../keystore/hierarchy.ts';
import { decodeIdentity } from '../../keystore/identity.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { domainStore, type UnlockedDomain, unlock } from '../../keystore/unlock.ts';
import { isGiven } from '../../secrets/inputs.ts';
import { passphraseGiven } from '../../secrets/resolve.ts';
import {
  ordinaryInputs,
  pinSource,
  rootInputs,
  type UnlockOptions,
  unlockKeeping,
  unlockRoot,
} from '../../unlocking.ts';

interface CheckOptions extends UnlockOptions {
  repair?: boolean;
  acceptRollback?: boolean;
  dryRun?: boolean;
}

/** Checks everything; what is wrong is in the document, and exit 13. */
export async function runCheck(ctx: Context, options: CheckOptions): Promise<void> {
  const location = keystoreLocation(ctx);
  const store = directoryStore(location);
  const identityBytes = await store.readIdentity();
  if (identityBytes === undefined) await openKeystore(ctx);
  if (options.acceptRollback) await acceptRollback(ctx, location, options);
  const found = await anchorOf(ctx, identityBytes);
  const anchor = found.state === 'seen' ? found.anchor : undefined;
  const { error, findings, skipped, keystore } = await examineKeystore(store, {
    anchor,
    now: ctx.now(),
    onProgress: (n) => ctx.ui.progress(`${n} records checked`),
    open: () => openKeystoreAt(ctx, location, { rootKeystore: options.rootKeystore, unwitnessed: true }),
  });
  ctx.ui.endProgress();
  if (found.state === 'damaged') findings.push(anchorFinding(found));
  let unsealed: boolean | 'in-part' = false;
  if (keystore !== undefined) {
    for (const what of skipped) ctx.ui.warn(what);
    const closed: string[] = [];
    const opened = await unlockGiven(ctx, keystore, options, closed);
    findings.push(...(await checkUnsealing(keystore, opened, closed)));
    if (opened.length > 0) unsealed = closed.length === 0 || 'in-part';
    for (const what of new Set(closed)) ctx.ui.warn(what);
    for (const domain of opened) domain.close();
    if (options.repair && !options.dryRun) await repair(ctx, keystore, findings);
  }
  const untold = found.state === 'damaged' ? undefined : unwitnessed(found);
  if (untold !== undefined) ctx.ui.warn(untold);
  if (!unsealed) ctx.ui.warn('whether the keys open was not checked: give the passphrase or key file');
  const document = { valid: findings.length === 0, unsealed: unsealed === true, findings };
  ctx.ui.result(document, (style) => renderCheck({ ...document, unsealed }, style));
  if (error !== undefined) throw error;
  const [first] = findings;
  if (first !== undefined)
    throw new ClusterCaError('ERR_KEYSTORE_TAMPERED', `${first.file}: ${first.problem}`, { hint: first.hint });
}

async function anchorOf(ctx: Context, identityBytes: Uint8Array | undefined): Promise<AnchorFound> {
  try {
    if (identityBytes) return await findAnchor(anchorDirectory(ctx.env), decodeIdentity(identityBytes).id);
  } catch {
    // What is wrong with KEYSTORE is a finding.
  }
  return { state: 'none' };
}

function anchorFinding(found: { path: string; reason: string }): Finding {
  const { message, hint = '' } = damagedAnchor(found);
  return { file: found.path, problem: message, hint };
}

/**
 * Opens the domains for which a secret is at hand: none is asked for. Where none is given for the root, the ordinary one is
 * tried.
 * @param closed is given what was not opened, in words
 */
async function unlockGiven(
  ctx: Context,
  keystore: Keystore,
  options: CheckOptions,
  closed: string[],
): Promise<UnlockedDomain[]> {
  const inputs = ordinaryInputs(options);
  const opened: UnlockedDomain[] = [];
  const secrets: Secret[] = [];
  const tryTo = async (open: () => Promise<UnlockedDomain>): Promise<void> => {
    try {
      opened.push(await open());
    } catch (error) {
      // A damaged slot is a finding already.
      if (!isClusterCaError(error, 'ERR_KEYSTORE_TAMPERED')) throw error;
    }
  };
  try {
    if (isGiven(inputs) || passphraseGiven(inputs, ctx.env) || ctx.env.CLUSTER_CA_KEY_FILE !== undefined)
      await tryTo(async () => {
        const daily = await unlockKeeping(ctx, keystore, 'daily', options);
        secrets.push(...daily.secrets);
        return daily.domain;
      });
    const isHere = !keystore.identity.rootElsewhere || keystore.options.rootStore !== undefined;
    if (isGiven(rootInputs(options))) await tryTo(() => unlockRoot(ctx, keystore, options));
    else if (secrets.length > 0 && isHere && !hasExternalRoot(keystore.state))
      await tryTo(() => rootBy(ctx, keystore, options, secrets)).catch((error) => {
        if (!isClusterCaError(error, 'ERR_PASSPHRASE')) throw error;
        closed.push(
          'the root domain has a secret of its own, which was not given: whether its keys open was not checked',
        );
      });
  } finally {
    for (const { bytes } of secrets) bytes.fill(0);
  }
  return opened;
}

async function rootBy(ctx: Context, keystore: Keystore, options: CheckOptions, secrets: Secret[]) {
  await domainStore(keystore, 'root').checkPermissions();
  const root = await unlock(keystore, 'root', secrets);
  root.pin = pinSource(ctx, options);
  return root;
}

async function repair(ctx: Context, keystore: Keystore, findings: Finding[]): Promise<void> {
  await keystore.store.checkPermissions();
  const damaged = findings.filter(({ file }) => file.startsWith('snapshot/') || file.startsWith('public/'));
  const snapshot = damaged.some(({ file }) => file.startsWith('snapshot/'));
  for (const file of await repairDerived(keystore, ctx.now(), snapshot)) ctx.ui.warn(`rebuilt ${file}`);
  for (const finding of damaged) findings.splice(findings.indexOf(finding), 1);
}

/** A severe thing: the anchor, and public/ where it is ahead, go back to what this copy ends with. */
async function acceptRollback(ctx: Context, location: string, options: CheckOptions): Promise<void> {
  const keystore = await openKeystoreAt(ctx, location, { unwitnessed: true });
  const { cluster, seq, head } = keystore.state;
  if (options.dryRun) return;
  await ctx.ui.confirmByName(
    `Everything recorded after record ${seq} is forgotten, revocations too`,
    cluster,
    ctx.globals.confirm,
  );
  const warning = await writeAnchor(keystore.options.anchors, keystore.identity.id, { seq, head }, { reset: true });
  if (warning !== undefined) throw new ClusterCaError('ERR_STORAGE', warning);
  try {
    await keystore.checkPublicHead();
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_KEYSTORE_ROLLED_BACK')) throw error;
    await keystore.store.checkPermissions();
    await repairDerived(keystore, ctx.now(), false);
  }
}
