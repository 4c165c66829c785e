import type { CertificateRule } from '../rule.ts';

const MOST = 16 * 1024;

/** TLS stacks read a certificate message of about 16 KiB to 100 KiB; one certificate stays well below. */
export const size: CertificateRule = {
  name: 'size',
  source: 'RFC 8446 §4.4.2',
  check: (certificate) => (certificate.der.length > MOST ? `larger than ${MOST} bytes` : undefined),
};
