import { ClusterCaError } from '../errors.ts';
import type { IssuedCertificate } from '../keystore/certificates/row.ts';
import { isDestroyed } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { CrlRef, RevokedEntry } from '../keystore/log/bodies.ts';
import type { RevokedSerial } from '../keystore/log/fold.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import type { RevocationReason } from '../pki/revocation-reason.ts';
import { recordAgentsLeft } from './agents-left.ts';
import { dropReplaced, requireAuthority, signNextCrl } from './renew-crls.ts';

/** One certificate to be revoked; `row` where the log knows it. */
export interface RevocationTarget {
  authority: string;
  serial: string;
  /** Milliseconds since 1970; undefined when it is not known. */
  notAfter?: number | undefined;
  row?: IssuedCertificate | undefined;
}

export interface RevokeRequest {
  /**
   * Finds them in the log as it is then: it is asked for every record anew, until nothing is left, so that what another
   * writer has issued since goes as well.
   */
  find: () => Promise<RevocationTarget[]>;
  reason: RevocationReason;
  invalidityDate: Date | undefined;
  requestId: string;
}

/** Entries of one record. */
const MOST = 1000;

/**
 * Revokes: the CRL is signed first, then one log record carries the revocations with the CRL's number and hash.
 * What is revoked already is left as it is. When it returns, there was a head of the log on which nothing of what is
 * found was left: whoever issues behind that head finds its holder revoked.
 * @returns what was revoked in this run
 * @throws what `find` throws; ERR_STATE for a certificate of a root
 */
export async function revokeCertificates(writer: KeystoreWriter, request: RevokeRequest): Promise<RevocationTarget[]> {
  const done: RevocationTarget[] = [];
  for (;;) {
    let open: RevocationTarget[] = [];
    const before = writer.keystore.state.crls;
    const record = await writer.commit('revoke', request.requestId, async () => {
      open = (await notYetRevoked(writer.keystore, await request.find())).slice(0, MOST);
      if (open.length === 0) return undefined;
      const entries = open.map((target) => entryOf(target, request));
      const crls: CrlRef[] = [];
      for (const id of new Set(open.map((target) => target.authority))) {
        const authority = requireAuthority(writer, id);
        if (authority.role === 'root')
          throw new ClusterCaError(
            'ERR_STATE',
            `a certificate of the root ${id} is replaced by a rollover, not revoked`,
          );
        // Nobody trusts it any more: the log keeps the revocation, and there is no key for a CRL.
        if (isDestroyed(writer.keystore.state, id)) continue;
        const added = entries.filter((entry) => entry.authority === id).map((entry) => revokedSerial(entry, writer));
        crls.push((await signNextCrl(writer, authority, writer.daily, { added })).ref);
      }
      return { entries, crls };
    });
    if (record === undefined) break;
    done.push(...open);
    await dropReplaced(writer, before);
  }
  const nodes = done.flatMap(({ row }) => (row?.kind === 'node' ? [row.name] : []));
  if (nodes.length > 0) await recordAgentsLeft(writer, request.requestId, new Set(nodes));
  return done;
}

async function notYetRevoked(keystore: Keystore, targets: RevocationTarget[]): Promise<RevocationTarget[]> {
  const revoked = new Map<string, Set<string>>();
  const open = targets.filter(({ row }) => row?.revoked === undefined);
  for (const { authority } of open)
    if (!revoked.has(authority)) {
      const entries = await keystore.query((index) => index.revocations(authority));
      revoked.set(authority, new Set(entries.map((entry) => entry.serial)));
    }
  return open.filter(({ authority, serial }) => revoked.get(authority)?.has(serial) !== true);
}

function entryOf(target: RevocationTarget, { reason, invalidityDate }: RevokeRequest): RevokedEntry {
  return {
    authority: target.authority,
    serial: target.serial,
    reason,
    ...(invalidityDate === undefined ? {} : { invalidityDate: invalidityDate.toISOString() }),
    ...(target.notAfter === undefined ? {} : { notAfter: new Date(target.notAfter).toISOString() }),
  };
}

function revokedSerial(entry: RevokedEntry, writer: KeystoreWriter): RevokedSerial {
  const { authority, serial, reason, invalidityDate, notAfter } = entry;
  return {
    authority,
    serial,
    reason,
    at: Math.max(writer.options.now().getTime(), writer.keystore.state.time),
    ...(invalidityDate === undefined ? {} : { invalidityDate: Date.parse(invalidityDate) }),
    ...(notAfter === undefined ? {} : { notAfter: Date.parse(notAfter) }),
  };
}

/** The document's form of a CRL. */
export interface CrlObject {
  authority: string;
  number: string;
  thisUpdate: string;
  nextUpdate: string;
}

export function crlObject(ref: CrlRef): CrlObject {
  const whole = (time: string): string => time.replace(/\.\d{3}Z$/, 'Z');
  return {
    authority: ref.authority,
    number: ref.number,
    thisUpdate: whole(ref.thisUpdate),
    nextUpdate: whole(ref.nextUpdate),
  };
}
