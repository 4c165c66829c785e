import type { Context } from '../context.ts';
import type { CertificateObject } from '../documents/certificate-object.ts';
import { certificateObject } from '../documents/certificate-object.ts';
import { ClusterCaError } from '../errors.ts';
import { statusOf } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import type { RevocationReason } from '../pki/revocation-reason.ts';
import { holderDirectory, Place } from '../placement/place.ts';
import { halfSpentCrls, renewCrls } from '../revocation/renew-crls.ts';
import { revokeCertificates } from '../revocation/revoke.ts';
import { openWriter, requireClock, type UnlockOptions } from '../unlocking.ts';
import { filesAreWhole, fits } from './decide.ts';
import { holderFiles } from './files.ts';
import { failure, type IssueRequest, type IssueResult, issueCertificates, openPlaces } from './issue.ts';
import { type IssueItem, itemNameTexts } from './item.ts';
import { checkItem } from './policy.ts';

export interface Issuance extends IssueRequest {
  unlock: UnlockOptions;
  /** End the certificates that these replace, for this reason. */
  revokePrevious: RevocationReason | undefined;
}

/** The document of `issue --dry-run` and `rotate --dry-run`. */
export interface IssuePlan {
  certificates: Partial<CertificateObject>[];
  unchanged: IssueResult['unchanged'];
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
    const whole = async (): Promise<boolean> => {
      if (request.out === undefined || current === undefined) return true;
      const place = new Place(holderDirectory(request.out, item), request.access);
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
  requireClock(ctx, keystore);
  const writer = await openWriter(ctx, keystore, issuance.unlock);
  try {
    const { places, failed } = await openPlaces(issuance);
    const [firstFailure] = failed.values();
    if (firstFailure !== undefined && !issuance.partial) throw firstFailure;
    const items = issuance.items.filter((item) => !failed.has(item));
    const result = await writer.inTurn(ctx.globals.wait, async () => {
      const made = await issueCertificates(writer, { ...issuance, items }, places);
      if (issuance.revokePrevious !== undefined) await revokePrevious(writer, issuance, items, issuance.revokePrevious);
      await renewCrls(writer, halfSpentCrls(writer), writer.daily, issuance.requestId);
      return made;
    });
    return { ...result, failed: [...[...failed].map(([item, error]) => failure(item, error)), ...result.failed] };
  } finally {
    writer.daily.close();
  }
}

async function revokePrevious(
  writer: KeystoreWriter,
  { requestId }: IssueRequest,
  items: IssueItem[],
  reason: RevocationReason,
): Promise<void> {
  const now = writer.options.now();
  const targets = [];
  for (const { kind, name, plane } of items)
    for (const row of await writer.keystore.query((index) => index.ofName(kind, name)))
      if (row.plane === plane && statusOf(row, now) === 'superseded') targets.push({ ...row, row });
  await revokeCertificates(writer, { targets, reason, invalidityDate: undefined, requestId });
}

/** The verdict of a run in which some items failed. @returns undefined when none did */
export function partialFailure({ certificates, unchanged, failed }: IssueResult): ClusterCaError | undefined {
  if (failed.length === 0) return undefined;
  const names = [...new Set(failed.map(({ node, plane }) => (plane === undefined ? node : `${node}/${plane}`)))];
  const shown = names.slice(0, 5).join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '');
  const done = certificates.length + unchanged.length;
  return new ClusterCaError('ERR_PARTIAL', `${failed.length} of ${failed.length + done} failed: ${shown}`, {
    hint: `${failed[0]?.error.message}; when that is mended, run the same command again`,
    details: { failed },
  });
}
