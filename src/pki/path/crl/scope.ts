import { ALL_REASONS, type DistributionPoint, type ReasonMask } from '../../x509/distribution-point.ts';
import { parseName } from '../../x509/name.ts';
import { nameKey } from '../names/distinguished-name.ts';
import type { PathCertificate } from '../path-certificate.ts';
import type { PathCrl } from './path-crl.ts';
import { directoryKey, generalNameKey, pointNameKeys } from './point-keys.ts';

/** A distribution point of a certificate, with its names as keys. `reasons` is a full mask when it has none. */
export interface Point {
  /** Keys of the CRL issuers; the certificate's own issuer unless the point names another. */
  issuers: readonly string[];
  /** Whether it names the CRL's issuer, which then has to be an indirect one. */
  indirect: boolean;
  /** Keys of the names, or of the CRL issuers when the point has no name. */
  names: ReadonlySet<string>;
  reasons: ReasonMask;
}

/**
 * The distribution points by which the status of a certificate is looked for: its own, and last the implied one of
 * its issuer (RFC 5280 §6.3.3, the last paragraph). Beside own ones it has no name: a CRL for some distribution point
 * may leave out what belongs to another, so a certificate that names its points is in no scope but theirs.
 */
export function pointsOf(certificate: PathCertificate): Point[] {
  const { issuerKey } = certificate;
  const own = certificate.extensions.cRLDistributionPoints ?? [];
  const implied: Point = {
    issuers: [issuerKey],
    indirect: false,
    names: new Set(own.length === 0 ? [directoryKey(issuerKey)] : []),
    reasons: ALL_REASONS,
  };
  return [...own.map((point) => readPoint(point, issuerKey)), implied];
}

function readPoint(point: DistributionPoint, issuerKey: string): Point {
  const cRLIssuers = (point.cRLIssuer ?? []).flatMap((name) =>
    name.type === 'directory' ? [nameKey(parseName(name.value))] : [],
  );
  const issuers = point.cRLIssuer === undefined ? [issuerKey] : cRLIssuers;
  const names =
    point.name === undefined
      ? (point.cRLIssuer ?? []).map(generalNameKey)
      : pointNameKeys(point.name, issuers[0] ?? issuerKey);
  return {
    issuers: [...new Set(issuers)],
    indirect: point.cRLIssuer !== undefined,
    names: new Set(names),
    reasons: point.reasons ?? ALL_REASONS,
  };
}

/**
 * The reasons for which a CRL tells the status of a certificate through a distribution point; undefined when the
 * certificate is outside its scope (RFC 5280 §6.3.3(b) and (d)).
 */
export function scopeReasons(crl: PathCrl, certificate: PathCertificate, point: Point): ReasonMask | undefined {
  const scope = crl.issuingDistributionPoint;
  if (!point.issuers.includes(crl.issuerKey)) return undefined;
  if (point.indirect && scope?.indirectCRL !== true) return undefined;
  if (scope === undefined) return point.reasons;
  if (crl.pointKeys !== undefined && !crl.pointKeys.some((key) => point.names.has(key))) return undefined;
  const isCa = certificate.extensions.basicConstraints?.cA === true;
  if (scope.onlyContainsAttributeCerts) return undefined;
  if (isCa ? scope.onlyContainsUserCerts : scope.onlyContainsCACerts) return undefined;
  return point.reasons & (scope.onlySomeReasons ?? ALL_REASONS);
}
