import { Command } from 'commander';
import { type Context, openKeystoreToWrite } from '../context.ts';
import { crlPlan } from '../deployment/plan.ts';
import { acceptingUntil, audienceOf, type CrlAudience, publishRevocation } from '../deployment/publish-crl.ts';
import { certificateObject } from '../documents/certificate-object.ts';
import { ClusterCaError } from '../errors.ts';
import { checkPlanes } from '../issuance/names.ts';
import { clockSpan } from '../keystore/clock.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { newRequestId } from '../keystore/request-id.ts';
import { REVOCATION_REASONS, type RevocationReason } from '../pki/revocation-reason.ts';
import { type RevokeDocument, renderRevoke } from '../revocation/render.ts';
import { halfSpentCrls, renewCrls } from '../revocation/renew-crls.ts';
import { crlObject, type RevocationTarget, revokeCertificates } from '../revocation/revoke.ts';
import { revocationTargets } from '../revocation/targets.ts';
import { openWriter, type UnlockOptions } from '../unlocking.ts';
import { parseTimeArgument } from '../values/time.ts';
import { oneReading, readWhat } from '../what/what.ts';
import { runCutOff } from './cut-off.ts';
import { choice, dryRun, repeatable, withPassphrase, withRootPassphrase } from './options.ts';

interface RevokeOptions extends UnlockOptions {
  reason: RevocationReason;
  plane?: string[];
  invalidityDate?: string;
  authority?: string;
  inventory?: string;
  dryRun?: boolean;
}

export function revokeCommand(ctx: Context, run = runRevoke): Command {
  const command = new Command('revoke')
    .summary('revoke certificates and publish a new CRL')
    .argument('<what>', 'a node, a client, a serial number or a certificate file')
    .addOption(choice('--reason <reason>', 'why (RFC 5280 names)', REVOCATION_REASONS).default('unspecified'))
    .addOption(repeatable('--plane <plane>', 'of this plane only'))
    .option('--invalidity-date <time>', 'since when the key is known or suspected to be bad')
    .option('--authority <id>', 'whose serial number it is, when the log does not know it')
    .option('--inventory <file>', 'give the new CRL to the services of cluster.yaml that read one')
    .option('--cut-off', 'then replace the root CA with the node left out: where servers read no CRL');
  return dryRun(withRootPassphrase(withPassphrase(command))).action((what, options) =>
    options.cutOff ? runCutOff(ctx, what, options) : run(ctx, what, options),
  );
}

export async function runRevoke(ctx: Context, text: string, options: RevokeOptions): Promise<void> {
  const now = ctx.now();
  const what = readWhat(text);
  const invalidityDate =
    options.invalidityDate === undefined ? undefined : parseTimeArgument(options.invalidityDate, now);
  if (options.invalidityDate !== undefined && invalidityDate === undefined)
    throw new ClusterCaError('ERR_USAGE', `not a time: ${options.invalidityDate}`, {
      hint: 'RFC 3339, such as 2026-11-25T15:00:00Z, or a date',
    });
  if (invalidityDate !== undefined && invalidityDate.getTime() < 1)
    throw new ClusterCaError('ERR_USAGE', `--invalidity-date lies before 1970: ${options.invalidityDate}`);
  const keystore = await openKeystoreToWrite(ctx);
  await oneReading(what, async () => keystore);
  const planes = options.plane && checkPlanes(options.plane, keystore.state.policy);
  const find = (from: Date): Promise<RevocationTarget[]> =>
    revocationTargets(keystore, what, { planes, authority: options.authority, from });
  // By a clock that is far ahead everything has ended: it is revoked all the same.
  let targets = await find(clockSpan(keystore.state, now).from);
  const open = targets.filter((target) => target.row?.revoked === undefined);
  const audience = await audienceOf(ctx, keystore, options.inventory);
  if (options.dryRun) {
    const document: RevokeDocument = { ...(await documentOf(keystore, open, now)), dryRun: true };
    if (audience !== undefined && targets.length > 0) {
      document.services = crlPlan(audience.deployment.units);
      Object.assign(document, accepting(audience, targets, keystore, now));
    }
    ctx.ui.result(document, (style) => renderRevoke(document, style));
    return;
  }
  await ctx.ui.confirm(
    `revoke ${open.length === 1 ? 'the certificate' : `${open.length} certificates`} of ${text}?`,
    (ctx.globals.yes ?? false) || open.length === 0,
  );
  const writer = await openWriter(ctx, keystore, options);
  try {
    const requestId = newRequestId();
    // What there is to revoke is looked up in the log that the record follows: it may have grown since the question.
    const { from } = writer.clockSpan();
    const revoked = await writer.inTurn(ctx.globals.wait, async () => {
      const done = await revokeCertificates(writer, {
        find: async () => {
          targets = await find(from);
          return targets;
        },
        reason: options.reason,
        invalidityDate,
        requestId,
      });
      await renewCrls(writer, halfSpentCrls(writer), writer.daily, requestId);
      return done;
    });
    const document = await documentOf(keystore, revoked, now);
    const published = audience && (await publishRevocation(ctx, writer, audience));
    if (audience !== undefined && targets.length > 0) {
      document.services = published?.services ?? [];
      Object.assign(document, accepting(audience, targets, keystore, now));
    }
    ctx.ui.result(document, (style) => renderRevoke(document, style));
    if (published?.failure !== undefined) throw published.failure;
  } finally {
    writer.daily.close();
  }
}

function holdersOf(targets: readonly RevocationTarget[]): Set<string> {
  return new Set(targets.flatMap(({ row }) => (row === undefined ? [] : [row.name])));
}

/** Which services accept what is revoked, and until when: nothing is said of what has ended. */
function accepting(
  audience: CrlAudience,
  targets: readonly RevocationTarget[],
  keystore: Keystore,
  now: Date,
): Pick<RevokeDocument, 'accepting'> {
  const until = lastEnd(targets, keystore);
  if (until + 1000 <= clockSpan(keystore.state, now).from.getTime()) return {};
  return { accepting: acceptingUntil(audience, holdersOf(targets), until) };
}

/** When the last of them ends; one that the log does not know may live for as long as its issuer. */
function lastEnd(targets: readonly RevocationTarget[], keystore: Keystore): number {
  const ends = targets.map(
    ({ row, notAfter, authority }) => row?.notAfter ?? notAfter ?? keystore.authorityCertificate(authority).notAfter,
  );
  return Math.max(...ends);
}

/** The certificates concerned, as they are now, and the CRLs in force of their CAs. */
async function documentOf(keystore: Keystore, targets: RevocationTarget[], now: Date): Promise<RevokeDocument> {
  const revoked: RevokeDocument['revoked'] = [];
  for (const { serial, authority } of targets) {
    const row = await keystore.query((index) => index.bySerial(serial));
    revoked.push(
      row === undefined ? { serial, authority, status: 'revoked' } : await certificateObject(keystore, row, now),
    );
  }
  const authorities = new Set(targets.map((target) => target.authority));
  if (authorities.size === 0) authorities.add(keystore.newestIssuing.id);
  const crls = keystore.state.crls.filter((crl) => authorities.has(crl.authority)).map(crlObject);
  return { revoked, crls };
}
