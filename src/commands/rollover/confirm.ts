import { type Context, openKeystoreToWrite } from '../../context.ts';
import { ClusterCaError } from '../../errors.ts';
import { readInventory } from '../../inventory/read.ts';
import { phaseOf } from '../../keystore/hierarchy.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import { renderRolloverBoard } from '../../rollover/render/command.ts';
import { requireRollover } from '../../rollover/require-rollover.ts';
import { boardByLog } from '../../rollover/running/board.ts';
import { confirmationOf } from '../../rollover/running/confirm.ts';
import { gatedHolder } from '../../rollover/running/holder.ts';
import { openWriter, requireClock, type UnlockOptions } from '../../unlocking.ts';

export interface RolloverConfirmOptions extends UnlockOptions {
  bundleSha256?: string;
  certificate?: string;
  inventory?: string;
  dryRun?: boolean;
}

/** The operator's word for a node or client that cannot be probed. */
export async function runRolloverConfirm(ctx: Context, name: string, options: RolloverConfirmOptions): Promise<void> {
  const said = {
    bundle: fingerprint('--bundle-sha256', options.bundleSha256),
    certificate: fingerprint('--certificate', options.certificate),
  };
  const keystore = await openKeystoreToWrite(ctx);
  requireRollover(keystore.state);
  const path = options.inventory ?? ctx.env.CLUSTER_CA_INVENTORY;
  const inventory = path === undefined ? undefined : readInventory(path);
  const holder = await gatedHolder(keystore, inventory, name);
  await confirmationOf(keystore, holder, said, ctx.now());
  const steps = [{ phase: phaseOf(keystore.state), what: `record your word for ${name}` }];
  if (!options.dryRun) {
    await requireClock(ctx, keystore);
    const writer = await openWriter(ctx, keystore, options);
    try {
      await writer.inTurn(ctx.globals.wait, () =>
        writer.commit('confirm', newRequestId(), async () => {
          requireRollover(keystore.state);
          return confirmationOf(keystore, holder, said, ctx.now());
        }),
      );
    } finally {
      writer.daily.close();
    }
  }
  const dry = options.dryRun ? { dryRun: true as const } : {};
  const document = await boardByLog(keystore, inventory, ctx.now(), { steps, ...dry });
  if (document.services.some((row) => row.node === name && row.kind === holder.kind && row.service !== undefined))
    ctx.ui.warn(`${name} has services, which are asked themselves: of them your word proves nothing`);
  ctx.ui.result(document, (style) => renderRolloverBoard(document, style, ctx.now()));
}

/** SHA-256, 64 hex digits, colons and upper case understood. @throws ERR_USAGE */
function fingerprint(flag: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const digits = text.replaceAll(':', '').toLowerCase();
  if (/^[0-9a-f]{64}$/.test(digits)) return digits;
  throw new ClusterCaError('ERR_USAGE', `${flag} takes a SHA-256 fingerprint, 64 hex digits`, {
    hint: 'sha256sum ca.pem; cluster-ca inspect cert.pem',
  });
}
