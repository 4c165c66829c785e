import { expect } from '@jest/globals';
import type { Cluster } from '../support/clusters.ts';
import { done } from './checks.ts';
import type { AuditDocument, CertificateObject, CheckDocument, ListDocument } from './documents.ts';

// What must hold after a process was killed and another one has run.

/** The whole history, or what of it is the node's. */
export async function history({ ca }: Cluster, node?: string): Promise<CertificateObject[]> {
  const { certificates } = await done<ListDocument>(ca, ['list', '--all']);
  return node === undefined ? certificates : certificates.filter((found) => found.node === node);
}

/** Keystore and log are whole, and say so. */
export async function expectWhole({ ca }: Cluster): Promise<void> {
  expect((await done<CheckDocument>(ca, ['keystore', 'check'])).findings).toEqual([]);
  expect((await done<AuditDocument>(ca, ['audit', 'verify'])).valid).toBe(true);
}
