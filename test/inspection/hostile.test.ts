import { describe, expect, test } from '@jest/globals';
import { ClusterCaError, isClusterCaError } from '../../src/errors.ts';
import { CRL_ENTRIES_LISTED } from '../../src/inspection/crl.ts';
import { inspectBytes } from '../../src/inspection/inspect.ts';
import { renderInspection } from '../../src/inspection/text/render.ts';
import { tlv, unsignedInteger } from '../../src/pki/der/writer.ts';
import { fromHex } from '../../src/pki/encoding.ts';
import { OID } from '../../src/pki/oids.ts';
import { encodePem } from '../../src/pki/pem.ts';
import { subjectAltName } from '../../src/pki/x509/extensions.ts';
import { safeJson } from '../../src/ui/text/safe.ts';
import { plainStyle } from '../../src/ui/text/style.ts';
import { textWidth } from '../../src/ui/text/width.ts';
import { dangerous } from '../ui/text/dangerous.ts';
import { contextAt } from './support/context.ts';
import { craft, name, rawName } from './support/craft.ts';

const now = new Date('2026-06-01T00:00:00Z');
const context = contextAt(now, 'evil.pem');
const HOSTILE =
  '\u001b[2J\u001b]8;;http://evil\u0007\u001b]52;c;eA==\u001b\\\u009b31m\u0085\u007f\r\n\u202egpj\u2066\u2028\u200f';

/** Every output of the document, each checked to be safe and to fit. */
function outputs(bytes: Uint8Array): string {
  const document = inspectBytes(bytes, context);
  let all = safeJson(document);
  expect(dangerous(all)).toEqual([]);
  expect(JSON.parse(all)).toEqual(document);
  for (const unicode of [false, true])
    for (const width of [40, 80, 200]) {
      const text = renderInspection(document, { ...plainStyle, unicode, width }, now);
      expect(dangerous(text)).toEqual([]);
      if (!unicode) expect(text).toMatch(/^[\x20-\x7e\n]*$/);
      for (const line of text.split('\n')) expect(textWidth(line)).toBeLessThanOrEqual(width);
      all += text;
    }
  return all;
}

describe('hostile names print as escapes', () => {
  const names = subjectAltName([
    { type: 'uri', value: 'spiffe://x/node/\u001b[31m/\u0007\u007f' },
    { type: 'dns', value: 'a\n  status  valid' },
    { type: 'dns', value: 'b, DNS:c' },
    { type: 'directory', value: name(HOSTILE) },
  ]);
  const der = craft({ subject: name(HOSTILE), issuer: name(`${HOSTILE}2`), extensions: [names] });

  test('in a certificate', () => {
    const text = outputs(der);
    expect(text).toContain('\\u{1b}[2J');
    expect(text).toContain('"DNS:b, DNS:c"');
    expect(text).not.toMatch(/^ {2}status {2}valid$/m);
  });

  test('in a chain, its tree and its table', () => {
    const pem = encodePem('CERTIFICATE', der);
    const issuer = encodePem('CERTIFICATE', craft({ subject: name(`${HOSTILE}2`), issuer: name(HOSTILE) }));
    outputs(Buffer.from(pem + issuer));
    outputs(Buffer.from(pem + encodePem('CERTIFICATE', craft({ subject: name(`\u009b${HOSTILE}`) }))));
  });

  test.each([
    ['a BMPString with a lone surrogate', 0x1e, 'd800009b202e'],
    ['a UniversalString', 0x1c, '0000001b0000202e'],
    ['a TeletexString with C1', 0x14, '9b1b5b'],
    ['a UTF8String that is not UTF-8', 0x0c, 'ff9b'],
    ['an OCTET STRING', 0x04, '1b9b'],
  ])('%s', (_, tag, content) => {
    outputs(craft({ subject: rawName(tag, fromHex(content)) }));
  });

  test('in PEM labels, headers and file names', () => {
    const key =
      '-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: \u001b[2J\u009b,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n';
    outputs(Buffer.from(key, 'latin1'));
    const label = `-----BEGIN X \u001b[2J-----\nAAAA\n-----END X \u001b[2J-----\n`;
    outputs(Buffer.from(encodePem('CERTIFICATE', der) + label));
  });
});

describe('what is malformed inside a certificate is reported', () => {
  const problems = (der: Uint8Array): string[] => {
    outputs(der);
    return inspectBytes(der, context).problems.map(({ code }) => code);
  };
  const known = [OID.keyUsage, OID.extKeyUsage, OID.basicConstraints, OID.nameConstraints, OID.subjectKeyIdentifier];
  const more = [
    OID.authorityKeyIdentifier,
    OID.cRLDistributionPoints,
    OID.authorityInfoAccess,
    OID.certificatePolicies,
  ];

  test.each([...known, ...more, OID.subjectAltName])('extension %s', (oid) => {
    for (const value of ['', '30', '3003', 'ff00ff', '0400', '300130', '30820001ff']) {
      const der = craft({ extensions: [{ oid, critical: true, value: fromHex(value.length % 2 ? '' : value) }] });
      const document = inspectBytes(der, context);
      outputs(der);
      if (oid === OID.subjectKeyIdentifier && value === '0400') continue;
      expect(document.problems.map(({ code }) => code)).toContain('malformed-extension');
    }
  });

  test('an unknown critical extension', () => {
    const document = inspectBytes(
      craft({ extensions: [{ oid: '1.3.6.1.4.1.55555.1', critical: true, value: fromHex('0500') }] }),
      context,
    );
    expect(document).toMatchObject({ extensions: [{ oid: '1.3.6.1.4.1.55555.1', critical: true, value: '0500' }] });
    expect(document.problems.map(({ code }) => code)).toContain('unknown-critical-extension');
  });

  test('names, serial numbers and times', () => {
    expect(problems(craft({ subject: fromHex('30023100') }))).toContain('malformed-name');
    expect(problems(craft({ serial: fromHex('020180') }))).toContain('serial-number');
    expect(problems(craft({ serial: unsignedInteger(0) }))).toContain('serial-number');
    expect(problems(craft({ serial: tlv(2, new Uint8Array(30).fill(0x41)) }))).toContain('serial-number');
    expect(problems(craft({ notBefore: '20270101000000Z', notAfter: '20260101000000Z' }))).toContain(
      'validity-reversed',
    );
    expect(problems(craft({ notBefore: '00000101000000Z', notAfter: '99991231235959Z' }))).not.toContain('expired');
  });
});

describe('what cannot be read is ERR_CONFIG, exit 2, and says why', () => {
  const refuse = (input: string | Uint8Array): ClusterCaError => {
    try {
      inspectBytes(typeof input === 'string' ? Buffer.from(input, 'latin1') : input, context);
    } catch (error) {
      if (isClusterCaError(error, 'ERR_CONFIG')) return error;
      throw error;
    }
    throw new Error('it was read');
  };
  const der = craft();
  const pem = encodePem('CERTIFICATE', der);

  test.each([
    ['nothing', '', 'evil.pem is empty'],
    ['text', 'hello', 'evil.pem is not a certificate, certificate request, CRL or private key'],
    ['half a PEM block', pem.slice(0, 200), 'PEM block 1 (CERTIFICATE, line 1): its END line is missing'],
    ['a bad letter', pem.replace('M', '!'), 'it holds more than base64'],
    ['bad base64', '-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n', 'not base64'],
    ['an empty block', '\n\n-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n', 'line 3): it is empty'],
    ['two labels', pem.replace('END CERTIFICATE', 'END X509 CRL'), 'its END line has another label'],
    ['the wrong label', pem.replaceAll('CERTIFICATE', 'X509 CRL'), 'not a CRL: '],
    ['a foreign label', pem.replaceAll('CERTIFICATE', 'PUBLIC KEY'), 'PEM block 1 (PUBLIC KEY, line 1)'],
    ['UTF-16', '\u00ff\u00fe-\u0000', 'evil.pem is UTF-16 text'],
  ])('%s', (_, input, message) => {
    const error = refuse(input);
    expect(error.message).toContain(message);
    expect(error.hint).toMatch(/^\S/);
    expect(error.exitCode).toBe(2);
  });

  test('DER that is cut off, has more behind it, or is something else', () => {
    expect(refuse(der.subarray(0, 100)).message).toContain('begins like DER, but is cut off or has more behind it');
    expect(refuse(Buffer.concat([der, der])).message).toContain('begins like DER');
    expect(refuse(fromHex('30060201030201ff')).message).toContain('is DER, but not a certificate');
    const damaged = Uint8Array.from(der);
    damaged[8] = 0x7f;
    expect(refuse(damaged).message).toContain('evil.pem is not a certificate');
  });

  test('a broken block among good ones is left out, and named', () => {
    const document = inspectBytes(Buffer.from(pem + pem.slice(0, 90)), context);
    expect(document.kind).toBe('certificate');
    expect(document.problems).toContainEqual({
      code: 'unreadable',
      severity: 'warning',
      message: 'PEM block 2 (CERTIFICATE, line 9) was left out: its END line is missing'.replace(
        'line 9',
        `line ${pem.split('\n').length}`,
      ),
    });
  });

  test('more blocks than anyone has', () => {
    expect(refuse('-----BEGIN X-----'.repeat(3000)).message).toContain('more than 2000 PEM blocks');
  });
});

test('mutated files give a document or ERR_CONFIG, and no hang', () => {
  const files = [
    craft({ subject: name('n1'), extensions: [subjectAltName([{ type: 'dns', value: 'n1.example' }])] }),
    Buffer.from(encodePem('CERTIFICATE', craft()) + encodePem('CERTIFICATE', craft({ subject: name('x') }))),
    fromHex('308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420'.padEnd(276, '41')),
  ];
  let state = 8;
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  for (let i = 0; i < 3000; i++) {
    const bytes = Uint8Array.from(files[i % files.length] as Uint8Array);
    for (let n = random(4); n >= 0; n--) bytes[random(bytes.length)] = random(256);
    const mutated = random(3) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
    const start = process.cpuUsage();
    try {
      const document = inspectBytes(mutated, context);
      const text = renderInspection(document, plainStyle, now);
      expect(dangerous(text + safeJson(document))).toEqual([]);
    } catch (error) {
      if (!(error instanceof ClusterCaError)) throw new Error(`mutation ${i}`, { cause: error });
    }
    expect(spentSince(start)).toBeLessThan(1000);
  }
});

test('a thousand certificates of one name cost no square of signatures', () => {
  let calls = 0;
  const counting = { ...context, verifySignature: () => ++calls < 0 };
  const pem = Array.from({ length: 1000 }, (_, i) =>
    encodePem('CERTIFICATE', craft({ subject: name('same'), issuer: name('same'), serial: unsignedInteger(i + 1) })),
  ).join('');
  const document = inspectBytes(Buffer.from(pem), counting);
  expect(document.problems.map(({ code }) => code)).toContain('too-many-signatures');
  expect(calls).toBeLessThan(3000);
});

test.each([
  ['東'.repeat(20_000)],
  ['x'.repeat(60_000)],
  ['a'.padEnd(30_000, '\u0301')],
  [', '.repeat(30_000)],
  ['\u202e'.repeat(20_000)],
])('a subject as long as a certificate may be is shown in time (%#)', (text) => {
  const der = craft({ subject: name(text) });
  const start = process.cpuUsage();
  const document = inspectBytes(der, context);
  for (const unicode of [true, false]) renderInspection(document, { ...plainStyle, unicode }, now);
  expect(spentSince(start)).toBeLessThan(2000);
});

test('the limit of a CRL’s entries in a document is what the documentation says', () => {
  expect(CRL_ENTRIES_LISTED).toBe(100_000);
});

/** Milliseconds of this process' own time: however busy the machine is, it is what the work takes. */
function spentSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}
