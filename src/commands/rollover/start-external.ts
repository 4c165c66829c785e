import { resolve } from 'node:path';
import type { Context } from '../../context.ts';
import { ClusterCaError } from '../../errors.ts';
import { readAnswer } from '../../init/external/answer.ts';
import { pendingPath } from '../../init/external/pending.ts';
import { CSR } from '../../init/external/run.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import { encodePem } from '../../pki/pem.ts';
import { writeResultFile } from '../../placement/result-file.ts';
import { completeRenewal, knownCas, pendingRenewal, requestRenewal } from '../../rollover/external-issuing.ts';
import { type PlannedIssuing, planIssuing } from '../../rollover/new-issuing.ts';
import { safeText } from '../../ui/text/safe.ts';
import { withDomains } from '../../unlocking.ts';
import { readInputFile } from '../../what/read-file.ts';
import { printIssuing } from './print-issuing.ts';
import type { RolloverStartOptions } from './start-options.ts';

/** A new issuing CA under the root of another PKI: a request to it, then what came back. */
export async function runExternalIssuing(
  ctx: Context,
  keystore: Keystore,
  options: RolloverStartOptions,
): Promise<void> {
  await (options.issuingCert === undefined ? ask(ctx, keystore, options) : complete(ctx, keystore, options));
}

async function ask(ctx: Context, keystore: Keystore, options: RolloverStartOptions): Promise<void> {
  const widening = { domains: options.domain, permitIp: options.permitIp };
  const path = resolve(ctx.cwd, CSR);
  const plan = planIssuing(keystore, widening);
  if (options.dryRun) return printRequest(ctx, keystore, plan, path, true);
  await withDomains(ctx, keystore, options, false, (writer) =>
    writer.inTurn(ctx.globals.wait, async () => {
      const { csr } = await requestRenewal(writer, widening);
      await writeResultFile(path, new TextEncoder().encode(encodePem('CERTIFICATE REQUEST', csr)));
    }),
  );
  printRequest(ctx, keystore, plan, path, false);
}

function printRequest(ctx: Context, keystore: Keystore, plan: PlannedIssuing, path: string, dry: boolean): void {
  const { id, subject, domains, permitIp } = plan;
  const pending = pendingPath(keystore.store.location);
  const document = {
    issuing: { id, subject, domains, permitIp },
    csr: path,
    pending,
    ...(dry ? { dryRun: true } : {}),
  };
  ctx.ui.result(document, (style) =>
    [
      `${dry ? 'would write' : 'wrote'} ${safeText(path, style)}: a request for ${id}, names in ${domains.join(' ')} localhost`,
      ...(dry ? [] : [`its key is sealed in ${safeText(pending, style)} until the certificate is there`]),
      'next: have it signed, put what is new above it behind the certificate in one file, then',
      `  ${style.accent('cluster-ca rollover start --issuing --issuing-cert FILE')}`,
    ].join('\n'),
  );
}

async function complete(ctx: Context, keystore: Keystore, options: RolloverStartOptions): Promise<void> {
  if (options.domain !== undefined || options.permitIp !== undefined)
    throw new ClusterCaError('ERR_USAGE', '--domain and --permit-ip go with the request: what was asked for is in it');
  const name = options.issuingCert as string;
  const pending = await pendingRenewal(keystore);
  const plan = planIssuing(keystore, {});
  const file = { name, bytes: readInputFile(resolve(ctx.cwd, name), 'certificate') };
  const expected = { name: plan.name, known: knownCas(keystore) };
  const answer = readAnswer(file, pending, expected, ctx.now());
  for (const what of answer.leftOut) ctx.ui.warn(`the issuing CA's certificate: ${what}`);
  const { domains, permitIp } = pending.policy;
  const document = { leftOut: answer.leftOut };
  if (options.dryRun) return printIssuing(ctx, keystore, { ...plan, domains, permitIp }, { dryRun: true, document });
  await ctx.ui.confirm(`take ${plan.id}, which issues from now on?`, ctx.globals.yes ?? false);
  await withDomains(ctx, keystore, options, false, async (writer) => {
    const made = await writer.inTurn(ctx.globals.wait, () => completeRenewal(writer, pending, answer, newRequestId()));
    printIssuing(ctx, keystore, made.plan, { document, recorded: made.recorded });
  });
}
