import { equalBytes } from '../pki/der/writer.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { OID } from '../pki/oids.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import { findExtension } from '../pki/x509/extension.ts';
import { parseAuthorityKeyIdentifier, parseSubjectKeyIdentifier } from '../pki/x509/extensions.ts';
import { type Desired, desired, type Phase, type Side } from '../rollover/phase.ts';
import type { Authority } from './log/parts.ts';
import type { LogState } from './log/state.ts';

// Which CA signs, which anchors are trusted, whose CRLs are wanted: by the phase of the rollover alone. A root and its
// issuing CAs have one generation number.

type Hierarchies = Pick<LogState, 'authorities' | 'destroyed' | 'rollover'>;

/** Where the rollover stands; `stable` where there is none. */
export function phaseOf({ rollover }: Pick<LogState, 'rollover'>): Phase {
  return rollover?.phase ?? 'stable';
}

/** What the phase wants of every service. */
export function desiredOf({ rollover }: Pick<LogState, 'rollover'>): Desired {
  return desired(rollover?.phase ?? 'stable', rollover?.withdrawn ?? false);
}

/** True from `start` until the last step. A foreign CA's that was taken back to is remembered, and is in progress no more. */
export function inProgress({ rollover }: Pick<LogState, 'rollover'>): boolean {
  return rollover !== undefined && rollover.phase !== 'done' && rollover.phase !== 'stable';
}

/** The CAs whose keys there are. */
export function liveAuthorities({
  authorities,
  destroyed = [],
}: Pick<LogState, 'authorities' | 'destroyed'>): Authority[] {
  return destroyed.length === 0 ? [...authorities] : authorities.filter(({ id }) => !destroyed.includes(id));
}

/** True for a CA whose key was destroyed: it signs nothing any more. */
export function isDestroyed({ destroyed = [] }: Pick<LogState, 'destroyed'>, id: string): boolean {
  return destroyed.includes(id);
}

/** One of the two roots of a rollover; undefined for one that is not ours, and, as new, where there is no rollover. */
export function rootOf(state: Hierarchies, side: Side): Authority | undefined {
  const { rollover } = state;
  if (rollover === undefined || rollover.phase === 'done') {
    const root = liveAuthorities(state).findLast(({ role }) => role === 'root');
    return side === (rollover === undefined ? 'old' : 'new') ? root : undefined;
  }
  const id = side === 'new' ? rollover.new : rollover.old;
  return state.authorities.find((authority) => authority.id === id);
}

/** Our own root where no rollover is in progress: the one that a start replaces, or that takes a foreign CA's place. */
export function ownRoot(state: Hierarchies): Authority | undefined {
  return rootOf(state, state.rollover === undefined || inProgress(state) ? 'old' : 'new');
}

/** The newest issuing CA under one of the two roots: it signs that side's probes. Undefined where no key of it is ours. */
export function issuerOf(state: Hierarchies, side: Side): Authority | undefined {
  const root = rootOf(state, side);
  if (root === undefined) return undefined;
  return liveAuthorities(state).findLast(
    ({ role, generation }) => role === 'issuing' && generation === root.generation,
  );
}

/** The one issuing CA that signs node certificates now (I2). Undefined while a foreign CA's are still in force. */
export function signingIssuer(state: Hierarchies): Authority | undefined {
  const { issuer } = desiredOf(state);
  return issuerOf(state, issuer);
}

/** Whether the certificates in use are of a CA that is being taken over: nothing of ours is issued yet, or any more. */
export function restsOnOthers(state: Hierarchies): boolean {
  return state.rollover?.form === 'foreign' && signingIssuer(state) === undefined;
}

/** Our own newest issuing CA, whether it may sign node certificates now or not. */
export function newestIssuer(state: Hierarchies): Authority | undefined {
  return signingIssuer(state) ?? liveAuthorities(state).findLast(({ role }) => role === 'issuing');
}

/** Whether our issuing CA is under the root of another PKI: then it, and not the root, vouches for the audit key. */
export function hasExternalRoot({ authorities, audit }: Pick<LogState, 'authorities' | 'audit'>): boolean {
  const root = authorities.find(({ role }) => role === 'root');
  return root !== undefined && !isNamed(audit.certificate, root);
}

/** A CA whose key another PKI has. @param state of its keystore */
export function isExternal(state: Pick<LogState, 'authorities' | 'audit'>, { id, role }: Authority): boolean {
  if (role !== 'root') return role === 'intermediate';
  return id === state.authorities.find((one) => one.role === 'root')?.id && hasExternalRoot(state);
}

/** Whether a certificate names a CA as its issuer. */
function isNamed(certificate: string, { certificate: issuer }: Authority): boolean {
  const [below, above] = [certificate, issuer].map((der) => parseCertificate(fromBase64(der)));
  return below !== undefined && above !== undefined && isIssuedBy(below, above);
}

/** Whether a certificate names another as its issuer's: by the name, and the key identifier where it gives one. */
export function isIssuedBy(below: Certificate, above: Certificate): boolean {
  if (!equalBytes(below.issuer, above.subject)) return false;
  const authorityKey = findExtension(below.extensions, OID.authorityKeyIdentifier);
  const subjectKey = findExtension(above.extensions, OID.subjectKeyIdentifier);
  const wanted = authorityKey && parseAuthorityKeyIdentifier(authorityKey.value).keyIdentifier;
  return (
    wanted === undefined || subjectKey === undefined || equalBytes(wanted, parseSubjectKeyIdentifier(subjectKey.value))
  );
}

/** The intermediate CAs of another PKI between an issuing CA and the root, the nearest first: servers send them along. */
export function intermediatesAbove({ authorities }: Pick<LogState, 'authorities'>, issuing: Authority): Authority[] {
  const rest = authorities.filter(({ role }) => role === 'intermediate');
  const above: Authority[] = [];
  for (let below: Authority | undefined = issuing; rest.length > 0; ) {
    const { certificate }: Authority = below;
    const at = rest.findLastIndex((one) => isNamed(certificate, one));
    [below] = at < 0 ? [] : rest.splice(at, 1);
    if (below === undefined) break;
    above.push(below);
  }
  return above;
}

/** The anchor of one side, DER. */
export function anchorOf(state: Hierarchies, side: Side): Uint8Array | undefined {
  const own = rootOf(state, side);
  if (own !== undefined) return fromBase64(own.certificate);
  const { rollover } = state;
  if (side === 'new' || rollover?.foreign === undefined || rollover.phase === 'done') return undefined;
  return fromBase64(rollover.foreign.certificate);
}

/** The anchors by which certificates of this cluster are judged now, DER: those of the phase, the old one first. */
export function anchorsOf(state: Hierarchies): Uint8Array[] {
  return desiredOf(state).trust.flatMap((side) => anchorOf(state, side) ?? []);
}

/** Every anchor that a server of this cluster may rest on, DER: both, from `start` until the last step. */
export function everyAnchor(state: Hierarchies): Uint8Array[] {
  return (['old', 'new'] as const).flatMap((side) => anchorOf(state, side) ?? []);
}

/**
 * The CAs whose CRLs are handed out: those whose keys there are, and destroyed ones for as long as their last CRL holds.
 * In the order of the log.
 */
export function crlAuthorities(state: Hierarchies & Pick<LogState, 'crls'>, now: Date): Authority[] {
  return state.authorities.filter(({ id }) => {
    const crl = state.crls.find(({ authority }) => authority === id);
    if (crl === undefined) return false;
    return !isDestroyed(state, id) || Date.parse(crl.nextUpdate) > now.getTime();
  });
}
