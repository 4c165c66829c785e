import { resolve } from 'node:path';
import type { DroppedRevocation } from '../../backup/dropped.ts';
import { readBackupHeader } from '../../backup/file.ts';
import { droppedText, lossError, type Restored, rehearseRestore, restoreBackup } from '../../backup/restore.ts';
import type { Context } from '../../context.ts';
import { anchorDirectory } from '../../keystore/anchor.ts';
import { newKeystoreLocation } from '../../keystore/locate.ts';
import { formatHead } from '../../keystore/log/state.ts';
import { resolveSecrets } from '../../secrets/resolve.ts';
import { ordinaryInputs, secretContext, type UnlockOptions } from '../../unlocking.ts';
import { readInputFile } from '../../what/read-file.ts';

interface RestoreOptions extends UnlockOptions {
  acceptLoss?: boolean;
  crl?: string[];
  dryRun?: boolean;
}

/** Puts a keystore back from the file that `keystore backup` wrote. */
export async function runRestore(ctx: Context, file: string, options: RestoreOptions): Promise<void> {
  const path = resolve(ctx.cwd, file);
  const { cluster } = await readBackupHeader(path);
  const { keystore = ctx.env.CLUSTER_CA_KEYSTORE } = ctx.globals;
  const location = newKeystoreLocation({ keystore, cluster: undefined, env: ctx.env, cwd: ctx.cwd }, cluster);
  const crls = (options.crl ?? []).map((name) => ({ name, bytes: readInputFile(resolve(ctx.cwd, name), 'CRL') }));
  const asked = { what: `passphrase of the backup of ${cluster}`, keyFileOnly: false };
  const secrets = await resolveSecrets(ordinaryInputs(options), secretContext(ctx), asked);
  try {
    const restore = options.dryRun ? rehearseRestore : restoreBackup;
    const restored = await restore({
      path,
      secrets,
      location,
      rootLocation: options.rootKeystore && resolve(ctx.cwd, options.rootKeystore),
      anchors: anchorDirectory(ctx.env),
      crls,
      now: ctx.now(),
      onProgress: (text) => ctx.ui.progress(text),
      onLoss: async (loss) => {
        if (!options.acceptLoss) throw lossError(loss);
        if (options.dryRun) return;
        ctx.ui.endProgress();
        await ctx.ui.confirmByName(
          `everything recorded after record ${loss.restored} is lost, revocations too${loss.dropped.length === 0 ? '' : `: ${droppedText(loss.dropped)}`}`,
          loss.cluster,
          ctx.globals.confirm,
        );
      },
    });
    ctx.ui.endProgress();
    report(ctx, restored, location, options);
  } finally {
    for (const { bytes } of secrets) bytes.fill(0);
  }
}

function report(ctx: Context, restored: Restored, location: string, options: RestoreOptions): void {
  const { cluster, keystoreId, head, rootElsewhere, loss, anchored, warning } = restored;
  if (warning !== undefined) ctx.ui.warn(warning);
  if (!anchored && loss?.untold === undefined)
    ctx.ui.warn(
      `there is no anchor of this keystore here: ${options.crl === undefined ? 'whether something was recorded after the backup cannot be told; --crl FILE, with the newest CRL that a server has, tells which revocations it lacks' : 'what was recorded after the backup is told by the CRLs alone'}`,
    );
  if (rootElsewhere === 'not in the backup')
    ctx.ui.warn("the root CA's key is not in this backup: it is where the root domain was kept");
  if (rootElsewhere === 'in the backup' && options.rootKeystore === undefined)
    ctx.ui.warn('the root domain is in this backup and was not restored: give --root-keystore DIR for it');
  if (loss !== undefined)
    ctx.ui.warn(
      `what was recorded after record ${head.seq} is lost: what was revoked since is not revoked here (revoke it again); certificates issued since are not in the log, but can be revoked by their file, or by serial with --authority`,
    );
  const dry = options.dryRun ? { dryRun: true } : {};
  const files = [location, ...(options.rootKeystore === undefined ? [] : [resolve(ctx.cwd, options.rootKeystore)])];
  const document = { files, cluster, keystore: location, keystoreId, records: head.seq + 1, head: formatHead(head) };
  const { dropped = [] } = loss ?? {};
  const lacks = options.crl === undefined ? {} : { dropped };
  const next = loss === undefined ? 'cluster-ca status' : 'cluster-ca crl --renew';
  ctx.ui.result({ ...document, ...lacks, ...dry }, () =>
    [
      `${options.dryRun ? 'would restore' : 'restored'} ${cluster} to ${location}: ${head.seq + 1} records, all of them whole`,
      ...(options.crl === undefined || loss !== undefined ? [] : ['it has every revocation that the CRL has']),
      ...dropped.map((one) => `revoke again: ${revokeAgain(one, location)}`),
      ...(options.dryRun ? [] : [`next: ${next} --keystore ${location}`]),
    ].join('\n'),
  );
}

const revokeAgain = ({ serial, authority, reason }: DroppedRevocation, location: string): string =>
  `cluster-ca revoke serial:${serial} --authority ${authority}${reason === 'unspecified' ? '' : ` --reason ${reason}`} --keystore ${location}`;
