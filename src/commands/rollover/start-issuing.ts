import type { Context } from '../../context.ts';
import { ClusterCaError } from '../../errors.ts';
import { hasExternalRoot } from '../../keystore/hierarchy.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import { planIssuing, startIssuing } from '../../rollover/new-issuing.ts';
import { type OpenedDomain, withDomains } from '../../unlocking.ts';
import { printIssuing } from './print-issuing.ts';
import { runExternalIssuing } from './start-external.ts';
import type { RolloverStartOptions } from './start-options.ts';

/** A new issuing CA under the same root. */
export async function runIssuing(ctx: Context, keystore: Keystore, options: RolloverStartOptions): Promise<void> {
  if (hasExternalRoot(keystore.state)) return runExternalIssuing(ctx, keystore, options);
  if (options.issuingCert !== undefined)
    throw new ClusterCaError('ERR_USAGE', '--issuing-cert is for a root that is another PKI: this one signs here');
  const widening = { domains: options.domain, permitIp: options.permitIp };
  const plan = planIssuing(keystore, widening);
  if (options.dryRun) return printIssuing(ctx, keystore, plan, { dryRun: true });
  await ctx.ui.confirm(`make ${plan.id}, which issues from now on?`, ctx.globals.yes ?? false);
  await withDomains(ctx, keystore, options, true, async (writer, { root }) => {
    const { domain } = root as OpenedDomain;
    const made = await writer.inTurn(ctx.globals.wait, () => startIssuing(writer, domain, widening, newRequestId()));
    printIssuing(ctx, keystore, made);
  });
}
