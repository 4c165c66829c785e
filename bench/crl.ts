// A CRL of 100,000 entries: signed, read, searched; and the library's own generator for comparison. `npm run bench -- crl`.
import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { Crypto as PeculiarCrypto } from '@peculiar/webcrypto';
import { X509CrlGenerator } from '@peculiar/x509';
import { makeRoot } from '../src/authority/make.ts';
import { signCrl } from '../src/authority/sign-crl.ts';
import { loadCrypto } from '../src/crypto/webcrypto.ts';
import type { RevokedSerial } from '../src/keystore/log/fold.ts';
import { parseCrl } from '../src/pki/x509/crl.ts';

const ENTRIES = Number(process.argv[2] ?? 100_000);
const LIBRARY_ENTRIES = 2_000;
const now = new Date();
const crypto = await loadCrypto();
const root = await makeRoot({
  crypto,
  now,
  name: 'orders Root CA G1',
  keyType: 'ecdsa-p256',
  lifetime: 10 * 365 * 86_400,
});
const request = { authority: 'root-g1', issuer: root.certificate, signer: root.signer, now, lifetime: 30 * 86_400 };

function revoked(count: number): RevokedSerial[] {
  return Array.from({ length: count }, () => {
    const serial = `40${randomBytes(19).toString('hex')}`;
    return { authority: 'root-g1', serial, at: now.getTime() - 1000, reason: 'keyCompromise' as const };
  });
}

async function seconds<T>(work: () => Promise<T> | T): Promise<{ result: T; seconds: number }> {
  const start = performance.now();
  const result = await work();
  return { result, seconds: (performance.now() - start) / 1000 };
}

await signCrl({ ...request, revoked: revoked(100) });
const entries = revoked(ENTRIES);
const small = await seconds(() => signCrl({ ...request, revoked: entries.slice(0, ENTRIES / 10) }));
const large = await seconds(() => signCrl({ ...request, revoked: entries }));
console.log(
  `${ENTRIES} entries signed and linted    ${large.seconds.toFixed(2)} s   ${(large.seconds / small.seconds).toFixed(1)} × a tenth of them`,
);
const walked = await seconds(() => [...parseCrl(large.result.der).entries()].length);
console.log(
  `${walked.result} entries read                 ${walked.seconds.toFixed(2)} s   ${(large.result.der.length / 1e6).toFixed(1)} MB`,
);

const library = new PeculiarCrypto();
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const keys = await library.subtle.generateKey(algorithm, true, ['sign', 'verify']);
const theirs = await seconds(() =>
  X509CrlGenerator.create(
    {
      issuer: 'CN=orders Root CA G1',
      thisUpdate: now,
      nextUpdate: new Date(now.getTime() + 86_400_000),
      signingAlgorithm: algorithm,
      signingKey: keys.privateKey,
      entries: entries.slice(0, LIBRARY_ENTRIES).map(({ serial }) => ({ serialNumber: serial, revocationDate: now })),
    },
    // Typed as the DOM's Crypto, of which this is one.
    library as never,
  ),
);
const ours = await seconds(() => signCrl({ ...request, revoked: entries.slice(0, LIBRARY_ENTRIES) }));
console.log(
  `${LIBRARY_ENTRIES} entries by @peculiar/x509     ${theirs.seconds.toFixed(2)} s   ${(theirs.seconds / ours.seconds).toFixed(0)} × ours, and its time grows with the square`,
);
