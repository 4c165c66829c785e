import { type Context, openKeystore } from '../../context.ts';
import { inventoryItems } from '../../inventory/items.ts';
import { readInventory } from '../../inventory/read.ts';
import { renderRolloverBoard } from '../../rollover/render/command.ts';
import { boardByLog } from '../../rollover/running/board.ts';

/** Where the rollover stands, by the last proofs: no secret, nothing is probed. */
export async function runRolloverStatus(ctx: Context, options: { inventory?: string } = {}): Promise<void> {
  const keystore = await openKeystore(ctx);
  const path = options.inventory ?? ctx.env.CLUSTER_CA_INVENTORY;
  const inventory = path === undefined ? undefined : readInventory(path);
  if (inventory !== undefined) inventoryItems(inventory, keystore.state);
  const document = await boardByLog(keystore, inventory, ctx.now());
  ctx.ui.result(document, (style) => renderRolloverBoard(document, style, ctx.now()));
}
