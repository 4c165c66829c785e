import { tampered } from '../keystore/canonical.ts';
import type { SealedKeyRef } from '../keystore/log/parts.ts';
import type { CeremonyKind, CeremonyRequest } from './request-shape.ts';

/** How many certificates the answer to each kind brings. */
const CERTIFICATES: Record<CeremonyKind, number> = { crl: 0, issuing: 1, root: 4, 'last-crl': 0, destroy: 0 };

/** What an answer brings. */
interface Brought {
  v: number;
  crl?: string;
  certificates?: string[];
  sealed?: SealedKeyRef;
  destroyed?: string[];
}

/**
 * Refuses an answer that has more or less than its request asked for. What the certificates and the CRL say is compared
 * where they are taken.
 * @throws ERR_KEYSTORE_TAMPERED
 */
export function checkAnswer(answer: Brought, { type, tbs, destroyed }: CeremonyRequest): void {
  const { v, crl, certificates = [], sealed, destroyed: gone = [] } = answer;
  if (v !== 1) throw tampered(`answers of version ${v} are not known`);
  const ids = (destroyed ?? []).map(({ id }) => id);
  const isWhole =
    (crl !== undefined) === (tbs !== undefined || type === 'root') &&
    certificates.length === CERTIFICATES[type] &&
    (sealed !== undefined) === (type === 'root') &&
    sealed?.domain !== 'daily' &&
    gone.length === ids.length &&
    gone.every((id, i) => id === ids[i]);
  if (!isWhole) throw tampered('it has more or less than was asked for');
}
