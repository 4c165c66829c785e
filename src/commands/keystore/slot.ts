import { type Context, openKeystore, openKeystoreToWrite } from '../../context.ts';
import { ClusterCaError } from '../../errors.ts';
import { slotObject } from '../../inspecting/keystore-document.ts';
import { renderSlots } from '../../keeping/render.ts';
import { addSlot, checkSlotName, findSlot, removeSlot } from '../../keeping/slots.ts';
import type { Secret } from '../../keystore/envelope/slot.ts';
import type { Domain } from '../../keystore/log/bodies.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import { isGiven } from '../../secrets/inputs.ts';
import { readOrMakeKeyFile } from '../../secrets/key-file.ts';
import { resolveNewPassphrase } from '../../secrets/resolve.ts';
import { openWriter, requireClock, secretContext, type UnlockOptions, unlockRoot } from '../../unlocking.ts';
import { type NewPassphraseOptions, newPassphraseInputs } from './passphrase.ts';

interface SlotOptions extends UnlockOptions, NewPassphraseOptions {
  domain?: Domain;
  newKeyFile?: string;
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
    const secret: Secret =
      options.newKeyFile === undefined
        ? await resolveNewPassphrase(inputs, secretContext(ctx))
        : { kind: 'key-file', bytes: readOrMakeKeyFile(options.newKeyFile) };
    await writer.inTurn(ctx.globals.wait, () => addSlot(writer, domain, name, secret, newRequestId()));
    const slots = keystore.state.slots.map(slotObject);
    ctx.ui.result(
      { slots },
      (style) =>
        `${renderSlots(slots, style)}\nadded ${name}, which opens the ${wanted} domain\nnext: cluster-ca keystore backup --out FILE; backups made before do not have it`,
    );
  } finally {
    domain.close();
    writer.daily.close();
  }
}

export async function runSlotRemove(ctx: Context, name: string, options: SlotOptions): Promise<void> {
  const keystore = await openKeystoreToWrite(ctx, { rootKeystore: options.rootKeystore });
  const slot = findSlot(keystore.state.slots, name, options.domain);
  if (keystore.state.slots.filter(({ domain }) => domain === slot.domain).length === 1)
    throw new ClusterCaError(
      'ERR_STATE',
      `${name} is the last slot of the ${slot.domain} domain: without it nothing opens the domain`,
      {
        hint: `add another first: cluster-ca keystore slot add NAME --domain ${slot.domain}`,
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
