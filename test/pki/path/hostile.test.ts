import { beforeAll, describe, expect, test } from '@jest/globals';
import { sha256 } from '../../../src/crypto/hash.ts';
import { createVerifySignature } from '../../../src/crypto/verify-signature.ts';
import { DerError } from '../../../src/pki/der/error.ts';
import {
  boolean,
  octetString,
  oid,
  sequence,
  setOf,
  tlv,
  unsignedInteger,
  utf8String,
} from '../../../src/pki/der/writer.ts';
import { OID } from '../../../src/pki/oids.ts';
import { PathCertificate, type PathInput, type PathVerdict, verifyPath } from '../../../src/pki/path/index.ts';
import { parseCertificate } from '../../../src/pki/x509/certificate.ts';
import { parseCrl } from '../../../src/pki/x509/crl.ts';
import { parseCsr } from '../../../src/pki/x509/csr.ts';
import type { Extension } from '../../../src/pki/x509/extension.ts';
import { encodeExtension } from '../../../src/pki/x509/extension.ts';
import {
  authorityKeyIdentifier,
  cRLDistributionPoints,
  cRLNumber,
  extKeyUsage,
  keyUsage,
  nameConstraints,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../../src/pki/x509/extensions.ts';
import { encodeGeneralName } from '../../../src/pki/x509/general-name.ts';
import { parseCidr, parseIp } from '../../../src/pki/x509/ip.ts';
import { outlineOf } from '../../../src/pki/x509/outline.ts';
import {
  caExtensions,
  extension,
  makeCa,
  makeCrl,
  makeKey,
  makeLeaf,
  makeRoot,
  NOW,
  nameDer,
} from '../../support/make-pki.ts';
import { mutate, seeded } from '../../support/mutate.ts';

const SEED = 20_261_125;
const CERTIFICATES = 40_000;
const CRLS = 40_000;
const REQUESTS = 20_000;
/** Every so many of them go through validation too, which costs a hundred times as much as decoding. */
const VALIDATED = 3;
const URL_OF_CRL = 'http://crl.example/1';

const policies: Extension[] = [
  extension(OID.certificatePolicies, sequence(sequence(oid('1.2.3')), sequence(oid('2.5.29.32.0')))),
  extension(OID.policyMappings, sequence(sequence(oid('1.2.3'), oid('1.2.4')))),
  extension(OID.policyConstraints, sequence(tlv(0x80, Uint8Array.of(3)), tlv(0x81, Uint8Array.of(2)))),
  extension(OID.inhibitAnyPolicy, unsignedInteger(4), true),
];
const constraints = nameConstraints({
  permitted: [
    { base: { type: 'dns', value: 'example' } },
    { base: { type: 'ip', value: parseCidr('10.0.0.0/8') as Uint8Array } },
    { base: { type: 'email', value: 'example.com' } },
    { base: { type: 'uri', value: '.example.com' } },
    { base: { type: 'directory', value: nameDer('O=Org') } },
  ],
  excluded: [{ base: { type: 'dns', value: 'bad.example' } }],
});
const root = makeRoot('CN=Root,O=Org', { extensions: caExtensions(3, constraints) });
const ca = makeCa('CN=CA,O=Org', root, {
  extensions: caExtensions(1, subjectKeyIdentifier(Uint8Array.of(1, 2, 3)), constraints, ...policies),
});
const leaf = makeLeaf(
  'CN=leaf,O=Org',
  ca,
  [
    { type: 'dns', value: 'leaf.example' },
    { type: 'ip', value: parseIp('10.0.0.1') as Uint8Array },
    { type: 'email', value: 'a@example.com' },
    { type: 'uri', value: 'spiffe://a.example.com/x' },
    { type: 'directory', value: nameDer('CN=x,O=Org') },
  ],
  {
    extensions: [
      keyUsage('digitalSignature'),
      extKeyUsage([OID.serverAuth, OID.clientAuth]),
      authorityKeyIdentifier(Uint8Array.of(1, 2, 3)),
      cRLDistributionPoints(URL_OF_CRL),
      policies[0] as Extension,
    ],
  },
);
const reason = extension(OID.cRLReason, tlv(0x0a, Uint8Array.of(1)));
const about = extension(
  OID.certificateIssuer,
  sequence(encodeGeneralName({ type: 'directory', value: nameDer('CN=x') })),
);
/** Of an indirect CRL: it has an entry of another issuer. */
const indirect = extension(
  OID.issuingDistributionPoint,
  sequence(tlv(0xa0, tlv(0xa0, encodeGeneralName({ type: 'uri', value: URL_OF_CRL }))), tlv(0x84, Uint8Array.of(0xff))),
  true,
);
const rootCrl = makeCrl({ issuer: root.name, key: root.key, extensions: [cRLNumber(1n)] });
const caCrl = makeCrl({
  issuer: ca.name,
  key: ca.key,
  entries: [{ serial: 5, extensions: [reason] }, { serial: 6, extensions: [about] }, { serial: 7 }],
  extensions: [cRLNumber(7n), indirect, authorityKeyIdentifier(Uint8Array.of(1, 2, 3))],
});

const verify = createVerifySignature();
const good: PathInput = {
  target: { der: leaf.der },
  anchors: [{ der: root.der }],
  untrusted: [{ der: ca.der }],
  crls: [{ der: rootCrl }, { der: caCrl }],
  now: NOW,
  options: { names: ['leaf.example', '10.0.0.1'], purposes: ['server'], strict: false },
  verify,
  sha256,
};

/** `verifyPath` throws nothing at all, not even a typed error. */
function verdictOf(input: PathInput): PathVerdict {
  try {
    return verifyPath(input);
  } catch (cause) {
    throw new Error('verifyPath threw', { cause });
  }
}

let slowest = 0;

/** Runs `work` on mutations of the inputs in turn; the index is in the failure when one throws anything but a DerError. */
function batter(inputs: readonly Uint8Array[], runs: number, work: (bytes: Uint8Array, run: number) => void): void {
  const random = seeded(SEED + runs);
  for (let run = 0; run < runs; run++) {
    const bytes = mutate(inputs[run % inputs.length] as Uint8Array, random);
    const started = performance.now();
    try {
      work(bytes, run);
    } catch (error) {
      if (!(error instanceof DerError)) throw new Error(`run ${run} of seed ${SEED}`, { cause: error });
    }
    slowest = Math.max(slowest, performance.now() - started);
  }
}

/** Certificate, extensions and names. @throws DerError */
function decodeAll(bytes: Uint8Array): void {
  const certificate = new PathCertificate(bytes, 'untrusted', sha256);
  void certificate.names;
}

describe(`mutated DER, seed ${SEED}`, () => {
  beforeAll(() => {
    expect(verifyPath(good).failures).toEqual([]);
  });

  test(`${CERTIFICATES} certificates: a verdict or a typed error, and never a valid forgery`, () => {
    const originals = [leaf.der, ca.der, root.der, leaf.der];
    let accepted = 0;
    batter(originals, CERTIFICATES, (bytes, run) => {
      outlineOf(bytes);
      if (run % VALIDATED !== 0) return void decodeAll(bytes);
      const place = run % originals.length;
      const source = { der: bytes };
      const verdict = verdictOf({
        ...good,
        ...(place % 3 === 0 ? { target: source } : place === 1 ? { untrusted: [source] } : { anchors: [source] }),
        options: { ...good.options, strict: run % 2 === 0 },
      });
      const unchanged = Buffer.compare(bytes, originals[place] as Uint8Array) === 0;
      if (verdict.valid && place !== 2 && !unchanged) accepted += 1;
    });
    expect(accepted).toBe(0);
  });

  test(`${CRLS} CRLs: a verdict or a typed error, and never a forgery believed`, () => {
    let accepted = 0;
    batter([caCrl, rootCrl], CRLS, (bytes, run) => {
      outlineOf(bytes);
      for (const _ of parseCrl(bytes).entries());
      if (run % VALIDATED !== 0) return;
      const other = { der: run % 2 === 0 ? rootCrl : caCrl };
      const verdict = verdictOf({ ...good, crls: [{ der: bytes }, other] });
      const unchanged = Buffer.compare(bytes, run % 2 === 0 ? caCrl : rootCrl) === 0;
      if (verdict.valid && !unchanged) accepted += 1;
    });
    expect(accepted).toBe(0);
  });

  test(`${REQUESTS} certification requests: decoded or a typed error`, () => {
    const asked = sequence(encodeExtension(subjectAltName([{ type: 'dns', value: 'leaf.example' }])));
    const request = sequence(
      sequence(
        unsignedInteger(0),
        nameDer('CN=leaf'),
        new Uint8Array(makeKey().publicKey.export({ type: 'spki', format: 'der' })),
        tlv(0xa0, sequence(oid(OID.extensionRequest), setOf(asked))),
      ),
      sequence(oid(OID.ecdsaWithSHA256)),
      tlv(0x03, new Uint8Array(72)),
    );
    expect(outlineOf(request)).toBe('request');
    parseCsr(request);
    batter([request], REQUESTS, (bytes) => void parseCsr(bytes));
  });

  test('deep nesting, huge lengths and long lists end soon', () => {
    let nested = utf8String('x');
    for (let i = 0; i < 5000; i++) nested = sequence(nested);
    const lists = [
      nested,
      Uint8Array.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x30),
      Uint8Array.of(0x30, 0x80, 0x00, 0x00),
      tlv(0x30, new Uint8Array(60_000).fill(0x30)),
      sequence(tlv(0x30, new Uint8Array(60_000)), sequence(), tlv(0x03, new Uint8Array(3))),
      sequence(octetString(new Uint8Array(9)), boolean(true), sequence()),
    ];
    for (const bytes of lists) {
      for (const parse of [parseCertificate, parseCrl, parseCsr]) expect(() => parse(bytes)).toThrow(DerError);
      expect(verifyPath({ ...good, target: { der: bytes } }).valid).toBe(false);
      expect(verifyPath({ ...good, crls: [{ der: bytes }] }).valid).toBe(false);
    }
  });

  test('says how long the slowest took', () => {
    process.stdout.write(`slowest of ${CERTIFICATES + CRLS + REQUESTS}: ${slowest.toFixed(1)} ms\n`);
    expect(slowest).toBeGreaterThan(0);
  });
});
