/** The two ends of a certificate's validity; both belong to it (RFC 5280 §4.1.2.5). */
export interface Validity {
  notBefore: Date;
  notAfter: Date;
}

const HOUR = 3_600_000;

/**
 * The validity of a certificate made now, to live for `lifetime` milliseconds. It begins min(1 h, lifetime/10)
 * before now, for clocks that are behind, and the lifetime counts from there, both ends included. `latest` (the
 * issuer's notAfter) caps it: a certificate never outlives its issuer.
 */
export function validityFor(now: Date, lifetime: number, latest = Number.POSITIVE_INFINITY): Validity {
  const notBefore = floorToSecond(now.getTime() - Math.min(HOUR, lifetime / 10));
  const notAfter = Math.min(notBefore + Math.max(floorToSecond(lifetime), 1000) - 1000, latest);
  return { notBefore: new Date(notBefore), notAfter: new Date(notAfter) };
}

/** How long a certificate lives in milliseconds, both ends included. */
export function lifetimeOf(notBefore: number, notAfter: number): number {
  return notAfter - notBefore + 1000;
}

/** True when `at` lies inside, ends included; notAfter lasts to the end of its second. */
export function isWithin(validity: { notBefore: number; notAfter: number }, at: number): boolean {
  return at >= validity.notBefore && at < validity.notAfter + 1000;
}

function floorToSecond(milliseconds: number): number {
  return Math.floor(milliseconds / 1000) * 1000;
}
