import type { CertificateDescription } from './certificate-description.ts';
import type { ChainDescription } from './chain.ts';
import type { Pkcs7Description, Pkcs12Description } from './container.ts';
import type { CrlDescription } from './crl.ts';
import type { CsrDescription } from './csr.ts';
import type { KeyDescription } from './key.ts';

/** One thing that a file holds. */
export type Subject =
  | ({ kind: 'certificate' } & CertificateDescription)
  | ({ kind: 'chain' } & ChainDescription)
  | ({ kind: 'csr' } & CsrDescription)
  | ({ kind: 'crl' } & CrlDescription)
  | ({ kind: 'private-key' } & KeyDescription)
  | ({ kind: 'pkcs7' } & Pkcs7Description)
  | ({ kind: 'pkcs12' } & Pkcs12Description);

/**
 * What `inspect FILE` says: the main thing of the file (certificates before requests, CRLs and keys), and beside it
 * whatever else the file holds. `problems` are the main thing's and the file's own.
 */
export type InspectionDocument = Subject & {
  others?: Subject[];
};
