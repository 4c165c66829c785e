import { toHex } from '../pki/encoding.ts';
import { keyProblems } from './certificate-problems.ts';
import type { InspectionContext } from './context.ts';
import type { KeyEncryption } from './key-encryption.ts';
import type { PrivateKeyOutline } from './private-key.ts';
import { critical, info, type Problem } from './problem.ts';

/** A private key: what is around it, never the key. */
export interface KeyDescription {
  format: PrivateKeyOutline['format'];
  encrypted: boolean;
  /** Absent where the encryption hides it. */
  keyType?: string;
  encryption?: KeyEncryption;
  /** SHA-256 of its public half's SubjectPublicKeyInfo: what pairs it with a certificate. */
  spkiSha256?: string;
  /** Fingerprints of the certificates and requests of the same file that have this key. */
  belongsTo?: string[];
  /** What else has this key: files beside it, and certificates of the keystore. */
  owners?: KeyOwner[];
  problems: Problem[];
}

/** A certificate or request that has a key, and where it is. */
export interface KeyOwner {
  where: 'directory' | 'keystore';
  file?: string;
  kind: 'certificate' | 'csr';
  subject: string;
  fingerprint: string;
  node?: string;
  plane?: string;
  status?: string;
}

/** PBKDF2 rounds below which a stolen file is soon open; OpenSSL's own default, 2,048, is far below. */
const LEAST_ROUNDS = 100_000;

export function describeKey(key: PrivateKeyOutline, context: InspectionContext): KeyDescription {
  if (!('der' in key)) {
    const { format, keyType, encryption } = key;
    return {
      format,
      encrypted: true,
      ...(keyType && { keyType }),
      encryption,
      problems: encryptionProblems(encryption),
    };
  }
  const { format, keyType, der } = key;
  const problems = keyProblems(keyType);
  const description: KeyDescription = { format, encrypted: false, keyType, problems };
  if (context.publicKeyOf === undefined) return description;
  const spki = context.publicKeyOf(format, der);
  if (spki === undefined)
    problems.push(critical('malformed-key', 'the key does not load: it is damaged, or of a type unknown here'));
  else description.spkiSha256 = toHex(context.sha256(spki));
  return description;
}

function encryptionProblems({ kdf, cost }: KeyEncryption): Problem[] {
  if (kdf === 'md5' || kdf === 'pkcs12')
    return [info('weak-encryption', 'its encryption derives the key from the passphrase in an outdated, weak way')];
  return kdf === 'pbkdf2' && cost !== undefined && BigInt(cost) < LEAST_ROUNDS
    ? [info('weak-encryption', `its encryption has only ${cost} rounds of PBKDF2: a short passphrase is soon found`)]
    : [];
}
