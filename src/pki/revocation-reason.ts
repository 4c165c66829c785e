/** Reason codes of RFC 5280 §5.3.1 by name, without removeFromCRL (delta CRLs alone have it). */
export const REASON_CODES = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const;

export type RevocationReason = keyof typeof REASON_CODES;

export const REVOCATION_REASONS = Object.keys(REASON_CODES) as RevocationReason[];

/** The name of a reason code; undefined for a number that RFC 5280 does not give one here. */
export function reasonName(code: number): RevocationReason | undefined {
  return REVOCATION_REASONS.find((name) => REASON_CODES[name] === code);
}
