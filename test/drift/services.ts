import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TlsOptions } from 'node:tls';
import type { DriftDocument } from '../../src/drift/drift.ts';
import { document } from '../cli/checks.ts';
import { tlsServer } from '../endpoint/tls-server.ts';
import type { Cluster } from '../support/clusters.ts';

export interface TestService {
  kind: string;
  plane?: string;
  dir: string;
  port?: number;
  plaintext?: number;
  host?: string;
}

/** Copies the files of a node's plane, as a deployment would. @returns where they are */
export async function deployed(cluster: Cluster, from: string, name: string): Promise<string> {
  const dir = join(cluster.directory, 'services', name);
  await mkdir(dir, { recursive: true });
  await cp(join(cluster.out, from), dir, { recursive: true });
  return dir;
}

/** A server with these files that demands a client certificate, unless it is told otherwise. */
export async function serving(dir: string, options: TlsOptions = {}): Promise<number> {
  const [cert, key, ca] = await Promise.all(['cert.pem', 'key.pem', 'ca.pem'].map((file) => readFile(join(dir, file))));
  return tlsServer({ cert, key, ca, requestCert: true, rejectUnauthorized: true, ...options } as TlsOptions);
}

/** Writes cluster.yaml with these services of n1 and of the client app. */
export async function inventory(cluster: Cluster, services: TestService[], more = ''): Promise<string> {
  const file = join(cluster.directory, `cluster-${Math.random().toString(36).slice(2)}.yaml`);
  const lines = services.map(({ kind, plane, dir, port, plaintext, host = '127.0.0.1' }) => {
    const fields = [
      ...(plane === undefined ? [] : [`plane: ${plane}`]),
      `kind: ${kind}`,
      ...(port === undefined ? [] : [`address: "${host}:${port}"`]),
      ...(plaintext === undefined ? [] : [`plaintext: "127.0.0.1:${plaintext}"`]),
      `dir: ${dir}`,
    ];
    return `      - { ${fields.join(', ')} }`;
  });
  await writeFile(
    file,
    `cluster: orders\nnodes:\n  n1:\n    ip: [127.0.0.1]\n    planes: [data]\n${more}    services:\n${lines.join('\n')}\n`,
  );
  return file;
}

/** Runs `verify --inventory --json`. @returns the document and the exit code */
export async function look(cluster: Cluster, file: string, ...args: string[]) {
  const result = await cluster.ca(['verify', '--inventory', file, '--json', ...args]);
  if (result.code !== 0 && result.code !== 4) throw new Error(`exit ${result.code}: ${result.stderr}`);
  return { code: result.code, result, ...document<DriftDocument>(result) };
}

/** The codes of what was found, without what only could not be seen. */
export const codes = ({ findings }: DriftDocument): string[] =>
  [...new Set(findings.filter(({ severity }) => severity !== 'info').map(({ code }) => code))].toSorted();
