import type { CertificateRule } from '../rule.ts';

export const serialNumber: CertificateRule = {
  name: 'serial-number',
  source: 'RFC 5280 §4.1.2.2',
  check({ serialNumber: serial }) {
    const first = serial[0] ?? 0;
    if (serial.length !== 20 || first < 0x40 || first > 0x7f) return 'not 20 octets from 0x40… to 0x7f…';
    return countDifferent(serial) < 8 ? 'the serial number is not random' : undefined;
  },
};

function countDifferent(octets: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < octets.length; i++) {
    let earlier = 0;
    while (octets[earlier] !== octets[i]) earlier++;
    if (earlier === i) count++;
  }
  return count;
}
