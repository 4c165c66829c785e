import type { PathCertificate } from './path-certificate.ts';

/** The certificates that a path may be built from, found by subject name. */
export class CertificatePool {
  readonly anchors: readonly PathCertificate[];
  readonly untrusted: readonly PathCertificate[];
  readonly #bySubject = new Map<string, PathCertificate[]>();

  /** Anchors come first, so that the shortest path is found first; what is given twice counts once, as an anchor if it is one. */
  constructor(anchors: readonly PathCertificate[], untrusted: readonly PathCertificate[]) {
    const seen = new Set<string>();
    const unseen = ({ fingerprint }: PathCertificate): boolean => !seen.has(fingerprint) && !!seen.add(fingerprint);
    this.anchors = anchors.filter(unseen);
    this.untrusted = untrusted.filter(unseen);
    for (const certificate of [...this.anchors, ...this.untrusted]) {
      const list = this.#bySubject.get(certificate.subjectKey);
      if (list === undefined) this.#bySubject.set(certificate.subjectKey, [certificate]);
      else list.push(certificate);
    }
  }

  withSubject(key: string): readonly PathCertificate[] {
    return this.#bySubject.get(key) ?? [];
  }

  /** The anchor that is this very certificate. */
  anchorLike(certificate: PathCertificate): PathCertificate | undefined {
    return this.withSubject(certificate.subjectKey).find(
      (other) => other.role === 'anchor' && other.fingerprint === certificate.fingerprint,
    );
  }
}
