import { statSync } from 'node:fs';
import type { Context } from '../context.ts';
import { finishBelow } from '../issuance/finish.ts';
import { finishStagedBatch } from '../issuance/salvage.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';

/** A key that a killed run has staged and committed is given its name: then it is found. */
export async function finishEarlierRuns(
  ctx: Context,
  writer: KeystoreWriter,
  directories: readonly string[],
): Promise<void> {
  const access = { keyMode: 0o600 };
  for (const directory of directories) {
    if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) continue;
    await writer.inTurn(ctx.globals.wait, async () => {
      await finishStagedBatch(writer.keystore, directory, access, ctx.now());
      await finishBelow(writer, directory, access);
    });
  }
}
