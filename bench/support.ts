import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CLUSTER_CA = fileURLToPath(new URL('../bin/cluster-ca', import.meta.url));

/** A temporary home for keystores, removed at the end. A key file costs no scrypt, a passphrase does. */
export class Home {
  readonly path = mkdtempSync(join(tmpdir(), 'cluster-ca-bench-'));
  readonly #secret: Record<string, string>;

  constructor(secret: 'key-file' | 'passphrase' = 'key-file') {
    this.#secret =
      secret === 'passphrase'
        ? { CLUSTER_CA_PASSPHRASE: 'correct horse battery staple' }
        : { CLUSTER_CA_KEY_FILE: join(this.path, 'key') };
  }

  env(name: string): Record<string, string> {
    return {
      PATH: process.env.PATH ?? '',
      HOME: this.path,
      CLUSTER_CA_KEYSTORE: join(this.path, name),
      ...this.#secret,
    };
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export interface Timed {
  /** Wall time in seconds. */
  seconds: number;
  /** The most memory it held at once, in MiB, looked at every 5 ms. */
  memory: number;
  stdout: string;
}

/** Runs the command line as a whole process. @throws when it fails */
export function timed(args: string[], env: Record<string, string>, allowed: number[] = [0]): Promise<Timed> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(process.execPath, [CLUSTER_CA, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let memory = 0;
    const poll = setInterval(() => {
      memory = Math.max(memory, peakMemory(child.pid));
    }, 5);
    const chunks: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on('close', (code) => {
      clearInterval(poll);
      const seconds = (performance.now() - start) / 1000;
      if (!allowed.includes(code ?? -1)) reject(new Error(`cluster-ca ${args.join(' ')} exited ${code}: ${stderr}`));
      else resolve({ seconds, memory, stdout: Buffer.concat(chunks).toString() });
    });
  });
}

function peakMemory(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

export function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** An inventory of this many nodes, each on two planes. */
export function inventory(nodes: number): string {
  const lines = Array.from(
    { length: nodes },
    (_, i) => `  redis-${i}: { ip: [10.${i >> 16}.${(i >> 8) & 255}.${i & 255}] }`,
  );
  return ['cluster: orders', 'nodes:', ...lines, ''].join('\n');
}
