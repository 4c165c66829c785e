import { join } from 'node:path';
import { expect } from '@jest/globals';
import type { Cluster } from '../support/clusters.ts';
import { done } from './checks.ts';
import type { AuditDocument, CertificateObject, CheckDocument, CrlDocument, ListDocument } from './documents.ts';
import { openssl, readPair } from './x509.ts';

// What must hold after a process was killed and another one has run.

export async function history({ ca }: Cluster, node: string): Promise<CertificateObject[]> {
  return (await done<ListDocument>(ca, ['list', '--all', '--node', node])).certificates;
}

/** The serials that are valid now: after a kill, what it had committed. */
export async function validSerials(cluster: Cluster, node: string): Promise<string[]> {
  return (await history(cluster, node)).filter(({ status }) => status === 'valid').map(({ serial }) => serial);
}

/** Keystore and log are whole, and say so. */
export async function expectWhole({ ca }: Cluster): Promise<void> {
  expect((await done<CheckDocument>(ca, ['keystore', 'check'])).findings).toEqual([]);
  expect((await done<AuditDocument>(ca, ['audit', 'verify'])).valid).toBe(true);
}

/** On each plane the node has exactly one valid certificate, and it is in --out, beside its key. */
export async function expectBesideItsKey(cluster: Cluster, node: string): Promise<void> {
  const all = await history(cluster, node);
  for (const plane of new Set(all.map((found) => found.plane ?? ''))) {
    const { matches, serial } = await readPair(join(cluster.out, node, plane));
    const valid = all.filter((found) => found.plane === plane && found.status === 'valid');
    expect([node, plane, matches, valid.map((found) => found.serial)]).toEqual([node, plane, true, [serial]]);
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
