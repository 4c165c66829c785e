import { join } from 'node:path';
import { expect } from '@jest/globals';
import type { Cluster } from '../support/clusters.ts';
import { done } from './checks.ts';
import type { AuditDocument, CertificateObject, CheckDocument, CrlDocument, ListDocument } from './documents.ts';
import { openssl, readPair } from './x509.ts';

// What must hold after a process was killed and another one has run.

/** The whole history, or what of it is the node's. */
export async function history({ ca }: Cluster, node?: string): Promise<CertificateObject[]> {
  const { certificates } = await done<ListDocument>(ca, ['list', '--all']);
  return node === undefined ? certificates : certificates.filter((found) => found.node === node);
}

/** The serials that are valid: after a kill, what it had committed. */
export const validOf = (all: CertificateObject[], node: string): string[] =>
  all.filter((found) => found.node === node && found.status === 'valid').map(({ serial }) => serial);

/** Keystore and log are whole, and say so. */
export async function expectWhole({ ca }: Cluster): Promise<void> {
  expect((await done<CheckDocument>(ca, ['keystore', 'check'])).findings).toEqual([]);
  expect((await done<AuditDocument>(ca, ['audit', 'verify'])).valid).toBe(true);
}

/** On each plane the node has exactly one valid certificate, and it is in --out, beside its key. */
export async function expectBesideItsKey(cluster: Cluster, all: CertificateObject[], node: string): Promise<void> {
  const own = all.filter((found) => found.node === node);
  for (const plane of new Set(own.map((found) => found.plane ?? ''))) {
    const { matches, serial } = await readPair(join(cluster.out, node, plane));
    const valid = validOf(
      own.filter((found) => found.plane === plane),
      node,
    );
    expect([node, plane, matches, valid]).toEqual([node, plane, true, [serial]]);
  }
}

/** Every revoked serial of the node is in the current CRL. */
export async function expectRevokedInCrl(cluster: Cluster, node: string): Promise<void> {
  const revoked = (await history(cluster, node)).filter(({ status }) => status === 'revoked');
  const { crls } = await done<CrlDocument>(cluster.ca, ['crl']);
  const text = (await Promise.all(crls.map(({ pem }) => openssl(['crl', '-noout', '-text'], pem))))
    .join()
    .toLowerCase();
  for (const { serial } of revoked) expect(text).toContain(serial);
}
