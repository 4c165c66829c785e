import { resolve } from 'node:path';
import { type Context, openKeystore, openKeystoreToWrite, sameKeystore } from '../../context.ts';
import { ClusterCaError, isClusterCaError } from '../../errors.ts';
import { slotObject } from '../../inspecting/keystore-document.ts';
import { renderSlots } from '../../keeping/render.ts';
import { addSlot, checkSlotName, findSlot, removeSlot } from '../../keeping/slots.ts';
import type { Secret } from '../../keystore/envelope/slot.ts';
import type { Domain } from '../../keystore/log/bodies.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import { isGiven } from '../../secrets/inputs.ts';
import { readOrMakeKeyFile } from '../../secrets/key-file.ts';
import { resolveNewPassphrase } from '../../secrets/resolve.ts';
import { removeShares, type ShareOf, writeShares } from '../../shares/files.ts';
import { newShares, parseThreshold } from '../../shares/split.ts';
import { openWriter, requireClock, secretContext, type UnlockOptions, unlockRoot } from '../../unlocking.ts';
import { type NewPassphraseOptions, newPassphraseInputs } from './passphrase.ts';

interface SlotOptions extends UnlockOptions, NewPassphraseOptions {
  domain?: Domain;
  newKeyFile?: string;
  shares?: string;
  sharesOut?: string;
  dryRun?: boolean;
}

export async function runSlotList(ctx: Context): Promise<void> {
  const slots = (await openKeystore(ctx)).state.slots.map(slotObject);
  ctx.ui.result({ slots }, (style) => renderSlots(slots, style));
}

export async function runSlotAdd(ctx: Context, name: string, options: SlotOptions): Promise<void> {
  checkSlotName(name);
  const inputs = newPassphraseInputs(options);
  if (options.newKeyFile !== undefined && isGiven(inputs))
    throw new ClusterCaError('ERR_USAGE', 'a slot takes a passphrase or a key file, not both');
  const threshold = sharesOf(options);
  const wanted = options.domain ?? 'daily';
  const keystore = await openKeystoreToWrite(ctx, { rootKeystore: options.rootKeystore });
  if (keystore.state.slots.some((slot) => slot.name === name && slot.domain === wanted))
    throw new ClusterCaError('ERR_EXISTS', `the ${wanted} domain has a slot ${name} already`, {
      hint: 'choose another name',
    });
  if (options.dryRun)
    return ctx.ui.result(
      { slots: keystore.state.slots.map(slotObject), dryRun: true },
      () => `would add slot ${name} to the ${wanted} domain`,
    );
  await requireClock(ctx, keystore);
  const writer = await openWriter(ctx, keystore, options);
  const domain = wanted === 'daily' ? writer.daily : await unlockRoot(ctx, keystore, options);
  try {
    const add = (secret: Secret) =>
      writer.inTurn(ctx.globals.wait, () => addSlot(writer, domain, name, secret, newRequestId()));
    let files: string[] | undefined;
    if (threshold === undefined) await add(await newSecret(ctx, options));
    else {
      const of = { cluster: keystore.state.cluster, keystoreId: keystore.identity.id, slot: name, domain: wanted };
      const isNamed = async (): Promise<boolean> => {
        await keystore.refresh();
        return keystore.state.slots.some((slot) => slot.name === name && slot.domain === wanted);
      };
      files = await addShared({ add, isNamed }, threshold, resolve(ctx.cwd, options.sharesOut as string), of);
    }
    const slots = keystore.state.slots.map(slotObject);
    ctx.ui.result({ slots, ...(files === undefined ? {} : { files }) }, (style) =>
      [
        renderSlots(slots, style),
        `added ${name}, which opens the ${wanted} domain`,
        ...(files === undefined
          ? []
          : [`its shares are in ${options.sharesOut}: give each to somebody, and keep none together`]),
        `next: cluster-ca keystore backup${sameKeystore(ctx)} --out FILE; backups made before do not have it`,
      ].join('\n'),
    );
  } finally {
    domain.close();
    writer.daily.close();
  }
}

async function newSecret(ctx: Context, options: SlotOptions): Promise<Secret> {
  if (options.newKeyFile !== undefined) return { kind: 'key-file', bytes: await readOrMakeKeyFile(options.newKeyFile) };
  return resolveNewPassphrase(newPassphraseInputs(options), secretContext(ctx));
}

/** @throws ERR_USAGE */
function sharesOf({ shares, sharesOut, newKeyFile, ...rest }: SlotOptions) {
  if ((shares === undefined) !== (sharesOut === undefined))
    throw new ClusterCaError('ERR_USAGE', '--shares and --shares-out go together', {
      hint: '--shares 3of5 --shares-out DIR',
    });
  if (shares === undefined) return undefined;
  if (newKeyFile !== undefined || isGiven(newPassphraseInputs(rest)))
    throw new ClusterCaError('ERR_USAGE', 'shares are of a secret of their own: give no new passphrase or key file');
  return parseThreshold(shares);
}

/**
 * The shares are durable before the slot is there, and are taken back only when it is known not to be: a slot that nobody
 * can open would only look like a way back.
 */
async function addShared(
  { add, isNamed }: { add: (secret: Secret) => Promise<unknown>; isNamed: () => Promise<boolean> },
  threshold: { needed: number; total: number },
  directory: string,
  of: ShareOf,
): Promise<string[]> {
  const { shares, passphrase } = await newShares(threshold);
  const files = await writeShares(directory, shares, of);
  try {
    await add({ kind: 'passphrase', bytes: passphrase });
    return files;
  } catch (error) {
    if (isClusterCaError(error, 'ERR_EXISTS') || (await isAbsent(error, isNamed))) await removeShares(files);
    throw error;
  } finally {
    passphrase.fill(0);
  }
}

/** Whether an error came before the record that names the slot. What cannot be told counts as a slot that is there. */
async function isAbsent(error: unknown, isNamed: () => Promise<boolean>): Promise<boolean> {
  if (isClusterCaError(error, 'ERR_OUTCOME_UNKNOWN')) return false;
  return !(await isNamed().catch(() => true));
}

export async function runSlotRemove(ctx: Context, name: string, options: SlotOptions): Promise<void> {
  const keystore = await openKeystoreToWrite(ctx, { rootKeystore: options.rootKeystore });
  const slot = findSlot(keystore.state.slots, name, options.domain, sameKeystore(ctx));
  if (keystore.state.slots.filter(({ domain }) => domain === slot.domain).length === 1)
    throw new ClusterCaError(
      'ERR_STATE',
      `${name} is the last slot of the ${slot.domain} domain: without it nothing opens the domain`,
      {
        hint: `add another first: cluster-ca keystore slot add NAME --domain ${slot.domain}${sameKeystore(ctx)}`,
      },
    );
  if (options.dryRun)
    return ctx.ui.result(
      { slots: keystore.state.slots.map(slotObject), dryRun: true },
      () => `would remove slot ${name} of the ${slot.domain} domain`,
    );
  await requireClock(ctx, keystore);
  const writer = await openWriter(ctx, keystore, options);
  try {
    await writer.inTurn(ctx.globals.wait, () => removeSlot(writer, slot, newRequestId()));
    const slots = keystore.state.slots.map(slotObject);
    ctx.ui.result(
      { slots },
      (style) => `${renderSlots(slots, style)}\nremoved ${name}; a copy of its file still opens with its secret`,
    );
  } finally {
    writer.daily.close();
  }
}
