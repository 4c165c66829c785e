import { authorityKeyIdentifier } from './crl/authority-key-identifier.ts';
import { entries } from './crl/entries.ts';
import { entryExtensions } from './crl/entry-extensions.ts';
import { issuerName } from './crl/issuer-name.ts';
import { knownExtensions } from './crl/known-extensions.ts';
import { number } from './crl/number.ts';
import { signatureAlgorithm } from './crl/signature-algorithm.ts';
import { updates } from './crl/updates.ts';
import { version } from './crl/version.ts';
import type { CrlRule } from './rule.ts';

/** Every rule a CRL must pass before it is signed. */
export const CRL_RULES: readonly CrlRule[] = [
  version,
  signatureAlgorithm,
  issuerName,
  updates,
  number,
  authorityKeyIdentifier,
  entries,
  entryExtensions,
  knownExtensions,
];
