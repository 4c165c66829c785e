import type { Context } from '../context.ts';
import type { CertificateObject } from '../documents/certificate-object.ts';
import { certificateObject } from '../documents/certificate-object.ts';
import { ClusterCaError, type ErrorCode } from '../errors.ts';
import { statusOf } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import type { RevocationReason } from '../pki/revocation-reason.ts';
import { holderDirectory, Place } from '../placement/place.ts';
import { halfSpentCrls, renewCrls } from '../revocation/renew-crls.ts';
import { type RevocationTarget, revokeCertificates } from '../revocation/revoke.ts';
import { openWriter, requireClock, type UnlockOptions } from '../unlocking.ts';
import { filesAreWhole, fits } from './decide.ts';
import { holderFiles } from './files.ts';
import { finishBelow } from './finish.ts';
import { issueCertificates } from './issue.ts';
import { isArchive, isFleet, issueInBatches, openFleetPlace } from './issue-fleet.ts';
import type { IssueRequest } from './issue-request.ts';
import { type IssueItem, itemNameTexts } from './item.ts';
import { openPlaces } from './job.ts';
import { checkItem } from './policy.ts';
import { refuseForeignKey } from './prepare.ts';
import { failure, type IssueResult, type UnchangedEntry } from './result.ts';
import { finishStagedBatch } from './salvage.ts';

export interface Issuance extends IssueRequest {
  unlock: UnlockOptions;
  /** End the certificates that these replace, for this reason. */
  revokePrevious: RevocationReason | undefined;
}

/** The document of `issue --dry-run` and `rotate --dry-run`. */
export interface IssuePlan {
  certificates: Partial<CertificateObject>[];
  unchanged: UnchangedEntry[];
  failed: IssueResult['failed'];
  dryRun: true;
}

/** Holds every item against the policy. @throws ERR_POLICY */
export function checkItems(items: readonly IssueItem[], keystore: Keystore, now: Date): void {
  const issuer = keystore.authorityCertificate(keystore.issuing.id);
  for (const item of items) checkItem(item, { policy: keystore.state.policy, issuer, now });
}

/** What would be issued, without a serial, a key or a byte written. */
export async function planIssuance(keystore: Keystore, request: IssueRequest, now: Date): Promise<IssuePlan> {
  const plan: IssuePlan = { certificates: [], unchanged: [], failed: [], dryRun: true };
  const { policy } = keystore.state;
  for (const item of request.items) {
    const current = await keystore.query((index) => index.current(item.kind, item.name, item.plane));
    const revoked = request.skipRevoked && current !== undefined && statusOf(current, now) === 'revoked';
    const place =
      request.out === undefined || isArchive(request.out)
        ? undefined
        : new Place(holderDirectory(request.out, item), request.access);
    if (place !== undefined) {
      const issued = await keystore.query((index) => index.ofName(item.kind, item.name));
      await refuseForeignKey(keystore, place, issued, item);
    }
    const whole = async (): Promise<boolean> => {
      if (place === undefined || current === undefined) return true;
      return filesAreWhole(place, await holderFiles(keystore, current, now), item.publicKey === undefined);
    };
    if (
      current !== undefined &&
      (revoked || (!request.forceNew && (await fits(keystore, current, item, now)) && (await whole())))
    )
      plan.unchanged.push({
        ...(await certificateObject(keystore, current, now)),
        why: revoked ? 'revoked' : 'current',
      });
    else
      plan.certificates.push({
        kind: item.kind,
        node: item.name,
        ...(item.plane === '' ? {} : { plane: item.plane }),
        profile: item.profile,
        subject: `CN=${item.name}`,
        subjectAltNames: itemNameTexts(item, policy),
        authority: keystore.issuing.id,
        keyType: item.keyType,
      });
  }
  return plan;
}

/**
 * Runs an issuance in the order of cli.md's checks: clock, passphrase, place for the files, our turn.
 * @throws ClusterCaError; what failed for single items is in the result
 */
export async function runIssuance(ctx: Context, keystore: Keystore, issuance: Issuance): Promise<IssueResult> {
  await requireClock(ctx, keystore);
  const writer = await openWriter(ctx, keystore, issuance.unlock);
  try {
    return await issueWith(ctx, writer, issuance);
  } finally {
    writer.daily.close();
  }
}

/** The same with a writer that is open already, and stays so. */
export async function issueWith(ctx: Context, writer: KeystoreWriter, issuance: Issuance): Promise<IssueResult> {
  if (isFleet(issuance)) return runFleet(ctx, writer, issuance);
  const { places, failed } = await openPlaces(issuance);
  const [firstFailure] = failed.values();
  if (firstFailure !== undefined && !issuance.partial) throw firstFailure;
  const items = issuance.items.filter((item) => !failed.has(item));
  const result = await writer.inTurn(ctx.globals.wait, async () => {
    if (issuance.out !== undefined) await finishEarlierRuns(writer, issuance);
    const made = await issueCertificates(writer, { ...issuance, items }, places);
    await afterIssuing(writer, issuance, items);
    return made;
  });
  return { ...result, failed: [...[...failed].map(([item, error]) => failure(item, error)), ...result.failed] };
}

async function runFleet(ctx: Context, writer: KeystoreWriter, issuance: Issuance): Promise<IssueResult> {
  await openFleetPlace(issuance);
  try {
    return await writer.inTurn(ctx.globals.wait, async () => {
      if (!isArchive(issuance.out)) await finishEarlierRuns(writer, issuance);
      const made = await issueInBatches(writer, issuance, (done, total, label) =>
        ctx.ui.progressBar(done, total, label),
      );
      await afterIssuing(writer, issuance, issuance.items);
      return made;
    });
  } finally {
    ctx.ui.endProgress();
  }
}

/** The next run that writes to a directory finishes what killed ones committed for it. */
async function finishEarlierRuns(writer: KeystoreWriter, { out, access, partial }: Issuance): Promise<void> {
  if (out === undefined) return;
  await finishStagedBatch(writer.keystore, out, access, writer.options.now());
  if (partial) await finishBelow(writer, out, access);
}

async function afterIssuing(writer: KeystoreWriter, issuance: Issuance, items: IssueItem[]): Promise<void> {
  if (issuance.revokePrevious !== undefined) await revokePrevious(writer, issuance, items, issuance.revokePrevious);
  await renewCrls(writer, halfSpentCrls(writer), writer.daily, issuance.requestId);
}

async function revokePrevious(
  writer: KeystoreWriter,
  { requestId }: IssueRequest,
  items: IssueItem[],
  reason: RevocationReason,
): Promise<void> {
  const now = writer.options.now();
  const targets: RevocationTarget[] = [];
  for (const { kind, name, plane } of items)
    for (const row of await writer.keystore.query((index) => index.ofName(kind, name)))
      if (row.plane === plane && statusOf(row, now) === 'superseded') targets.push({ ...row, row });
  await revokeCertificates(writer, { find: async () => targets, reason, invalidityDate: undefined, requestId });
}

/**
 * The verdict of a run in which some items failed: ERR_PARTIAL; where nothing succeeded, and all for one reason, that
 * reason.
 * @returns undefined when none failed
 */
export function failureOf({ certificates, unchanged, failed }: IssueResult): ClusterCaError | undefined {
  const [first] = failed;
  if (first === undefined) return undefined;
  const done = certificates.length + unchanged.length;
  if (done === 0 && failed.every(({ error }) => error.code === first.error.code))
    return new ClusterCaError(first.error.code as ErrorCode, first.error.message, {
      hint: first.error.hint,
      details: { ...committedIn(failed), failed },
    });
  const names = [...new Set(failed.map(({ node, plane }) => (plane === undefined ? node : `${node}/${plane}`)))];
  const shown = names.slice(0, 5).join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '');
  return new ClusterCaError('ERR_PARTIAL', `${failed.length} of ${failed.length + done} failed: ${shown}`, {
    hint: `${first.error.message}; when that is mended, run the same command again`,
    details: { ...committedIn(failed), failed },
  });
}

function committedIn(failed: IssueResult['failed']): { committed?: string[] } {
  const committed = committedOf(failed);
  return committed.length === 0 ? {} : { committed };
}

/** The serials of what was issued all the same: only its files are not in place. */
export function committedOf(failed: IssueResult['failed']): string[] {
  return failed.flatMap(({ error }) => (error.details?.committed as string[] | undefined) ?? []);
}
