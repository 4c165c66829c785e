import { type CrlRequest, type SignedCrl, signCrl } from '../authority/sign-crl.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { isDestroyed, liveAuthorities } from '../keystore/hierarchy.ts';
import type { Authority, CrlRef } from '../keystore/log/bodies.ts';
import type { RevokedSerial } from '../keystore/log/fold.ts';
import type { UnlockedDomain } from '../keystore/unlock.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';

/** Signs the next CRL of one authority, with further revocations that the log does not have yet. The object is stored, nothing is recorded. */
export async function signNextCrl(
  writer: KeystoreWriter,
  authority: Authority,
  domain: UnlockedDomain,
  options: { lifetime?: number | undefined; added?: RevokedSerial[] } = {},
): Promise<SignedCrl> {
  const request = await nextCrl(writer, authority, options);
  const signed = await signCrl({ ...request, signer: await domain.signer(authority.sealed, authority.keyType) });
  await putCrl(writer, signed);
  return signed;
}

/** What the next CRL of an authority says: all but its signature. */
export async function nextCrl(
  writer: KeystoreWriter,
  authority: Authority,
  options: { lifetime?: number | undefined; added?: RevokedSerial[] } = {},
): Promise<Omit<CrlRequest, 'signer'>> {
  const { keystore } = writer;
  const { policy, crls } = keystore.state;
  // Valid by this clock and by the one of the last record; what has ended by one of them alone stays on it.
  const { from: now, to } = writer.clockSpan();
  const span = Math.ceil((to.getTime() - now.getTime()) / 1000);
  const last = crls.find((crl) => crl.authority === authority.id);
  const issuer = keystore.authorityCertificate(authority.id);
  const untilEnd = Math.floor((issuer.notAfter - now.getTime()) / 1000);
  const rootLifetime = last === undefined ? untilEnd : Math.floor((Date.parse(last.nextUpdate) - now.getTime()) / 1000);
  const lifetime =
    options.lifetime ??
    (authority.role === 'issuing' ? policy.crlLifetime + span : Math.max(rootLifetime, policy.crlLifetime + span));
  const revoked = await keystore.query((index) => index.revocations(authority.id));
  const known = new Set(revoked.map((entry) => entry.serial));
  return {
    authority: authority.id,
    issuer,
    revoked: [...revoked, ...(options.added ?? []).filter((entry) => !known.has(entry.serial))],
    now,
    lifetime,
    lastNumber: last === undefined ? undefined : BigInt(last.number),
    url: authority.role === 'issuing' ? policy.crlUrl : undefined,
  };
}

/** Stores a CRL; one that finds the disk full uses the room held for a revocation. */
export async function putCrl(writer: KeystoreWriter, { ref, der }: SignedCrl): Promise<void> {
  const { store } = writer.keystore;
  try {
    await store.putObject(ref.sha256, der);
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_STORAGE') || !(await store.releaseRoom())) throw error;
    await store.putObject(ref.sha256, der);
  }
}

/** Removes the objects of CRLs that were replaced. */
export async function dropReplaced(writer: KeystoreWriter, before: readonly CrlRef[]): Promise<void> {
  const live = new Set(writer.keystore.state.crls.map((crl) => crl.sha256));
  for (const { sha256 } of before) if (!live.has(sha256)) await writer.keystore.store.deleteObject(sha256);
}

/** Signs and records new CRLs of these authorities. @returns their references */
export async function renewCrls(
  writer: KeystoreWriter,
  authorities: Authority[],
  domain: UnlockedDomain,
  requestId: string,
  lifetime?: number,
): Promise<CrlRef[]> {
  if (authorities.length === 0) return [];
  const before = writer.keystore.state.crls;
  const record = await writer.commit('crl', requestId, async () => {
    const crls: CrlRef[] = [];
    for (const authority of authorities) crls.push((await signNextCrl(writer, authority, domain, { lifetime })).ref);
    return { crls };
  });
  await dropReplaced(writer, before);
  return record?.body.crls ?? [];
}

/** The issuing CAs whose CRL is past half its life, and that have not ended. */
export function halfSpentCrls(writer: KeystoreWriter): Authority[] {
  const { keystore } = writer;
  const now = writer.options.now().getTime();
  return liveAuthorities(keystore.state).filter((authority) => {
    const crl = keystore.state.crls.find((ref) => ref.authority === authority.id);
    if (authority.role !== 'issuing' || keystore.authorityCertificate(authority.id).notAfter <= now) return false;
    if (crl === undefined) return true;
    const [from, until] = [Date.parse(crl.thisUpdate), Date.parse(crl.nextUpdate)];
    return now >= from + (until - from) / 2;
  });
}

/** Refuses a CA that can sign no CRL any more. @throws ERR_STATE */
export function requireKey(writer: { keystore: KeystoreWriter['keystore'] }, { id }: Authority): void {
  if (isDestroyed(writer.keystore.state, id))
    throw new ClusterCaError('ERR_STATE', `the key of ${id} was destroyed: its last CRL stays as it is`, {
      hint: 'nothing trusts that CA any more',
    });
}

/** The authority with this id. @throws ERR_NOT_FOUND */
export function requireAuthority(writer: { keystore: KeystoreWriter['keystore'] }, id: string): Authority {
  const authority = writer.keystore.authority(id);
  if (authority !== undefined) return authority;
  const ids = writer.keystore.state.authorities.map((known) => known.id).join(', ');
  throw new ClusterCaError('ERR_NOT_FOUND', `there is no authority ${id}`, { hint: `the authorities are ${ids}` });
}
