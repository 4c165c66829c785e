import { readFileSync, statSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { run } from '../support/cli.ts';
import type { Cluster } from '../support/clusters.ts';
import type { CertificateObject } from './documents.ts';
import { history } from './killed.ts';
import { files } from './tree.ts';
import { readPair } from './x509.ts';

// What must hold of a fleet after a process that issued it was killed and another one has run.

/** Writes an inventory of so many nodes. @returns its path */
export async function fleetInventory({ directory, name }: Cluster, prefix: string, nodes: number): Promise<string> {
  const file = join(directory, `${prefix}.yaml`);
  const lines = Array.from({ length: nodes }, (_, i) => `  ${prefix}-${i}: { ip: [10.${i >> 8}.${i & 255}.1] }`);
  await writeFile(file, [`cluster: ${name}`, 'nodes:', ...lines, ''].join('\n'));
  return file;
}

/** The serials that the fleet's nodes have valid certificates by. */
export async function fleetSerials(cluster: Cluster, prefix: string): Promise<string[]> {
  return (await fleetHistory(cluster, prefix))
    .filter(({ status }) => status === 'valid')
    .map(({ serial }) => serial)
    .sort();
}

async function fleetHistory(cluster: Cluster, prefix: string): Promise<CertificateObject[]> {
  return (await history(cluster)).filter(({ node }) => node.startsWith(`${prefix}-`));
}

/**
 * Every certificate that is valid stands below a directory beside its key, none was issued twice under one serial, and
 * nothing temporary is left.
 */
export async function expectFleetBelow(cluster: Cluster, directory: string, prefix: string, count: number) {
  const all = await fleetHistory(cluster, prefix);
  expect(new Set(all.map(({ serial }) => serial)).size).toBe(all.length);
  const valid = all.filter(({ status }) => status === 'valid');
  expect(valid).toHaveLength(count);
  const wrong: unknown[] = [];
  for (const [i, { node, plane = '', serial }] of valid.entries()) {
    const place = join(directory, node, plane);
    if (!isPair(place, serial)) wrong.push([node, plane, serial]);
    if (i % 16 !== 0) continue;
    const pair = await readPair(place);
    expect([node, plane, pair.matches, pair.serial, pair.keyMode]).toEqual([node, plane, true, serial, 0o600]);
  }
  expect(wrong).toEqual([]);
  expect((await files(cluster.out)).filter((name) => name.includes('.cluster-ca.'))).toEqual([]);
}

/**
 * Whether a directory's key (0600), which has its public half within, and its certificate are one pair, with this serial:
 * by their octets, which for thousands takes a tenth of what reading them takes.
 */
function isPair(directory: string, serial: string): boolean {
  const der = (name: string): Buffer => {
    const [, base64 = ''] = /-----BEGIN [^-]+-----([^-]+)/.exec(readFileSync(join(directory, name), 'utf8')) ?? [];
    return Buffer.from(base64, 'base64');
  };
  const [key, certificate] = [der('key.pem'), der('cert.pem')];
  // An uncompressed point of P-256 is the last thing in its PKCS#8 file.
  const point = key.subarray(-65);
  const mode = statSync(join(directory, 'key.pem')).mode & 0o777;
  return point[0] === 4 && mode === 0o600 && certificate.includes(point) && certificate.includes(serial, 0, 'hex');
}

/** The same of an archive. */
export async function expectFleetIn(cluster: Cluster, archive: string, prefix: string, count: number): Promise<void> {
  const unpacked = join(cluster.directory, 'unpacked');
  await rm(unpacked, { recursive: true, force: true });
  await mkdir(unpacked);
  const listed = await run('tar', ['-tf', archive]);
  expect([listed.code, listed.stderr]).toEqual([0, '']);
  const names = listed.stdout.trim().split('\n');
  expect([names.length, new Set(names).size]).toEqual([3 * count, 3 * count]);
  expect((await run('tar', ['-xpf', archive, '-C', unpacked])).code).toBe(0);
  await expectFleetBelow(cluster, unpacked, prefix, count);
}
