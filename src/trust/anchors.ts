import { sha256Hex } from '../crypto/hash.ts';
import { ClusterCaError } from '../errors.ts';
import { keyProblems } from '../inspection/certificate-problems.ts';
import { anchorsOf } from '../keystore/hierarchy.ts';
import type { LogState } from '../keystore/log/state.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { fromBase64, toBase64 } from '../pki/encoding.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import { type AnchorObject, anchorObject } from '../rollover/anchor-file.ts';
import { formatTime } from '../values/time.ts';

/** Anchors of a bundle: more than anybody needs, and few enough for a handshake. */
const MOST = 32;

/** An anchor in the trust bundles. */
export interface TrustedObject extends AnchorObject {
  /** `cluster`: a root of this cluster's, by the phase of its rollover; `added` by an operator. */
  origin: 'cluster' | 'added';
  /** Of a root of this keystore. */
  authority?: string;
  addedAt?: string;
  status: 'valid' | 'expired';
}

/** What nodes are given to trust, in the order of the bundle; expired ones are left out of it. */
export function trustedAnchors(state: LogState, now: Date): TrustedObject[] {
  const status = ({ notAfter }: Certificate) => (now.getTime() < notAfter + 1000 ? 'valid' : 'expired');
  const own = anchorsOf(state).map((der): TrustedObject => {
    const certificate = parseCertificate(der);
    const authority = state.authorities.find((one) => one.certificate === toBase64(der))?.id;
    const named = authority === undefined ? {} : { authority };
    return { ...anchorObject(certificate), origin: 'cluster', ...named, status: status(certificate) };
  });
  const added = (state.trusted ?? []).map(({ certificate: der, addedAt }): TrustedObject => {
    const certificate = parseCertificate(fromBase64(der));
    const since = { addedAt: formatTime(addedAt) };
    return { ...anchorObject(certificate), origin: 'added', ...since, status: status(certificate) };
  });
  return [...own, ...added];
}

/**
 * Refuses anchors that are in the bundles already, too many, or with a key that others can find.
 * @throws ERR_EXISTS, ERR_POLICY
 */
export function checkNewAnchors(state: LogState, anchors: readonly Certificate[], now: Date): void {
  const there = trustedAnchors(state, now);
  const seen = new Set<string>();
  for (const certificate of anchors) {
    const { subject, fingerprint, keyType } = anchorObject(certificate);
    const [weak] = keyProblems(keyType);
    if (weak !== undefined)
      throw new ClusterCaError('ERR_POLICY', `${subject} is not to be trusted: ${weak.message}`, {
        hint: 'whoever finds its key can make certificates that every node accepts: have that CA make another',
      });
    const known = there.find((one) => one.fingerprint === fingerprint);
    const own = state.authorities.find((one) => one.certificate === toBase64(certificate.der));
    if (own !== undefined)
      throw new ClusterCaError(
        'ERR_EXISTS',
        `${subject} is ${own.id} of this keystore: its phase says whether it is trusted`,
        {
          hint: 'cluster-ca rollover status',
        },
      );
    if (known !== undefined || seen.has(fingerprint))
      throw new ClusterCaError('ERR_EXISTS', `${subject} is trusted already`, { hint: 'cluster-ca trust list' });
    seen.add(fingerprint);
  }
  if ((state.trusted ?? []).length + anchors.length > MOST)
    throw new ClusterCaError('ERR_POLICY', `more than ${MOST} further anchors`, {
      hint: 'remove some first: cluster-ca trust list',
    });
}

/** Adds anchors to the trust bundles. The caller holds the turn among the writers. @throws ERR_EXISTS, ERR_STORAGE */
export async function addAnchors(
  writer: KeystoreWriter,
  anchors: readonly Certificate[],
  requestId: string,
): Promise<void> {
  await writer.commit('trust', requestId, async () => {
    checkNewAnchors(writer.keystore.state, anchors, writer.options.now());
    return { add: anchors.map(({ der }) => toBase64(der)), remove: [] };
  });
}

/** Removes anchors from the trust bundles; those that are gone already are left alone. */
export async function removeAnchors(
  writer: KeystoreWriter,
  fingerprints: readonly string[],
  requestId: string,
): Promise<void> {
  await writer.commit('trust', requestId, async () => {
    const there = new Set(
      (writer.keystore.state.trusted ?? []).map(({ certificate }) => sha256Hex(fromBase64(certificate))),
    );
    const remove = fingerprints.filter((one) => there.has(one));
    return remove.length === 0 ? undefined : { add: [], remove };
  });
}

/**
 * The added anchors that a word means: a fingerprint, or its first eight digits or more; colons and upper case are
 * understood.
 * @throws ERR_NOT_FOUND; ERR_STATE for a root of this cluster; ERR_USAGE when it means several, or is no fingerprint
 */
export function findAnchor(state: LogState, word: string, now: Date): TrustedObject {
  const digits = word.replaceAll(':', '').toLowerCase();
  if (!/^[0-9a-f]{8,64}$/.test(digits))
    throw new ClusterCaError('ERR_USAGE', `not a fingerprint: ${JSON.stringify(word)}`, {
      hint: 'its SHA-256 in hex, at least eight digits; cluster-ca trust list shows it',
    });
  const [found, ...more] = trustedAnchors(state, now).filter(({ fingerprint }) => fingerprint.startsWith(digits));
  if (found === undefined)
    throw new ClusterCaError('ERR_NOT_FOUND', `no anchor has the fingerprint ${digits}`, {
      hint: 'cluster-ca trust list',
    });
  if (more.length > 0)
    throw new ClusterCaError('ERR_USAGE', `${digits} means several anchors`, { hint: 'give more digits' });
  if (found.origin === 'cluster')
    throw new ClusterCaError('ERR_STATE', `${found.subject} is the root of this cluster`, {
      hint: 'it is replaced by a rollover: cluster-ca rollover start',
    });
  return found;
}
