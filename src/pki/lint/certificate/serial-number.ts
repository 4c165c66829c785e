import type { CertificateRule } from '../rule.ts';

export const serialNumber: CertificateRule = {
  name: 'serial-number',
  source: 'RFC 5280 §4.1.2.2',
  check({ serialNumber: serial }) {
    const first = serial[0] ?? 0;
    if (serial.length !== 20 || first < 0x40 || first > 0x7f) return 'not 20 octets from 0x40… to 0x7f…';
    return new Set(serial).size < 8 ? 'the serial number is not random' : undefined;
  },
};
