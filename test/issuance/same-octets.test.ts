import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { inventoryItems } from '../../src/inventory/items.ts';
import { parseInventory } from '../../src/inventory/read.ts';
import { issueCertificates } from '../../src/issuance/issue.ts';
import { issueInBatches } from '../../src/issuance/issue-fleet.ts';
import type { IssueRequest } from '../../src/issuance/issue-request.ts';
import { describeItem, type IssueItem } from '../../src/issuance/item.ts';
import type { KeystoreWriter } from '../../src/keystore/writer.ts';
import { toHex } from '../../src/pki/encoding.ts';
import { OID } from '../../src/pki/oids.ts';
import { encodeSigned } from '../../src/pki/template.ts';
import { type Certificate, parseCertificate } from '../../src/pki/x509/certificate.ts';
import { findExtension } from '../../src/pki/x509/extension.ts';
import { testKey } from '../pki/support/authorities.ts';
import { openKeystore } from '../support/open-keystore.ts';
import { scratch } from '../support/scratch.ts';

// The ordinary path and the batch pipeline make the same certificates: every octet is compared but those of the serial
// number, the key, its identifier and the signature.
const NOW = new Date('2026-06-15T12:00:00.500Z');
const YEAR = 365 * 86_400;

const home = await scratch('same-octets');
let keystores = 0;

const INVENTORY = `
cluster: orders
defaults: { dns: ["{node}.orders.internal", "{node}.eu.orders.internal"] }
nodes:
  both-planes: {}
  ${'long-'.repeat(11)}name: { ip: [10.0.0.1] }
  addresses: { ip: [10.1.2.3, 192.168.0.255, 127.0.0.1, "::1", "fd00::1:2"] }
  no-default-dns: { dns: [a.orders.internal] }
  many-names: { dns: [${Array.from({ length: 40 }, (_, i) => `a-rather-long-name-of-number-${i}.orders.internal`).join(', ')}] }
  twice: { dns: [b.orders.internal, b.orders.internal], ip: [10.0.0.9, 10.0.0.9] }
  wildcard: { dns: ["*.orders.internal", localhost] }
  short: { lifetime: 60s }
  capped: {}
  server: { profile: server, ip: [10.0.0.2] }
  only-client: { profile: client, planes: [data] }
  p384: { keyType: ecdsa-p384 }
  ed25519: { keyType: ed25519, planes: [data] }
  rsa: { keyType: rsa-2048, planes: [control] }
  n1.orders.internal: {}
${Array.from({ length: 12 }, (_, i) => `  redis-${i}: { ip: [10.2.0.${i}] }`).join('\n')}
clients:
  app_rw: {}
  Backup@night: { lifetime: 30d, keyType: ecdsa-p384 }
  reader: { role: auditor }
  writer: { role: operator }
`;

function itemsOf(writer: KeystoreWriter): IssueItem[] {
  const items = inventoryItems(parseInventory(INVENTORY, 'cluster.yaml'), writer.keystore.state);
  // A key of somebody else's, as from a certification request.
  const { spki } = testKey('ecdsa-p256');
  return [...items, { ...(items[0] as IssueItem), name: 'requested', publicKey: spki }];
}

async function issued(writer: KeystoreWriter, items: IssueItem[]): Promise<Certificate[]> {
  const { keystore } = writer;
  const certificates: Certificate[] = [];
  for (const { kind, name, plane } of items) {
    const row = await keystore.query((index) => index.current(kind, name, plane));
    if (row === undefined) throw new Error(`no certificate of ${name}`);
    certificates.push(parseCertificate(await keystore.der(row)));
  }
  return certificates;
}

/** The to-be-signed octets with the serial number, the key and its identifier zeroed. */
function masked(certificate: Certificate): string {
  const tbs = certificate.tbs.slice();
  const identifier = findExtension(certificate.extensions, OID.subjectKeyIdentifier)?.value.subarray(2);
  for (const part of [certificate.serialNumber, certificate.publicKey.key, identifier]) {
    if (part === undefined) throw new Error('a certificate without a key identifier');
    const at = part.byteOffset - certificate.tbs.byteOffset;
    tbs.fill(0, at, at + part.length);
  }
  return toHex(tbs);
}

describe.each([
  ['as by default', {}],
  ['with a CRL address, for a year, under P-384', { crlUrl: 'http://pki.orders.internal/crl', keyType: 'ecdsa-p384' }],
  ['under RSA, capped by the issuer', { keyType: 'rsa-3072', nodeLifetime: YEAR, issuingLifetime: YEAR }],
])('a keystore %s', (_, policy) => {
  test('both ways give the same octets but for serial, key and signature', async () => {
    const directory = join(home, String(++keystores));
    await mkdir(directory);
    const writer = await openKeystore(directory, NOW, policy);
    const items = itemsOf(writer);
    const request = (out: string): IssueRequest => ({
      items,
      out: join(directory, out),
      access: { keyMode: 0o600 },
      requestId: out,
      requestHash: '00'.repeat(32),
      forceNew: true,
      skipRevoked: false,
      partial: false,
    });
    const ordinary = await issueCertificates(writer, { ...request('none'), out: undefined }, new Map());
    expect(ordinary.certificates).toHaveLength(items.length);
    const one = await issued(writer, items);
    const batch = await issueInBatches(writer, request('fleet.tar'), () => {});
    expect(batch.certificates).toHaveLength(items.length);
    const other = await issued(writer, items);
    for (const [i, item] of items.entries()) {
      const [a, b] = [one[i] as Certificate, other[i] as Certificate];
      expect([describeItem(item), masked(b)]).toEqual([describeItem(item), masked(a)]);
      expect(toHex(b.serialNumber)).not.toBe(toHex(a.serialNumber));
      expect(toHex(b.publicKey.key) === toHex(a.publicKey.key)).toBe(item.publicKey !== undefined);
      // Behind the to-be-signed octets there is the same algorithm, the signature, and nothing else.
      expect(toHex(b.signatureAlgorithm.der)).toBe(toHex(a.signatureAlgorithm.der));
      for (const { der, tbs, signatureAlgorithm, signature } of [a, b])
        expect(toHex(der)).toBe(toHex(encodeSigned(tbs, signatureAlgorithm.der, signature)));
    }
  });
});
