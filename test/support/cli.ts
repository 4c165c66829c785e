import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The executable of this checkout; `npm test` builds it first. */
export const CLUSTER_CA = fileURLToPath(new URL('../../bin/cluster-ca', import.meta.url));
if (!existsSync(fileURLToPath(new URL('../../dist/main.cjs', import.meta.url))))
  throw new Error('dist/ is missing: npm run build');

export interface RunOptions {
  /** Added to a clean environment of PATH, HOME and XDG directories; nothing else of the test's own is handed on. */
  env?: Record<string, string>;
  cwd?: string;
  /** Written to standard input, which is then closed. Without it standard input is /dev/null. */
  input?: string | Uint8Array;
  /** Further descriptors, from 3 on, each given these bytes through a pipe. */
  descriptors?: (string | Uint8Array)[];
  /** Milliseconds until SIGKILL. A hang is a failure, not a wait. */
  timeout?: number;
  /** Run as this user. */
  uid?: number;
  gid?: number;
  onSpawn?: (child: ChildProcess) => void;
}

export interface RunResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  /** Standard output parsed as JSON. @throws when it is not one document */
  // biome-ignore lint/suspicious/noExplicitAny: a test reads documents whose shape is what it tests
  json(): any;
  /** Standard error parsed as JSON: the error document of `--json`. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reads documents whose shape is what it tests
  error(): any;
}

/** Runs `cluster-ca` with real pipes and waits for its end. */
export function cli(args: string[], options: RunOptions = {}): Promise<RunResult> {
  return run(process.execPath, [CLUSTER_CA, ...args], options);
}

/** Runs any program the same way. */
export function run(file: string, args: string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent', LC_ALL: 'C.UTF-8', ...options.env },
      stdio: [
        options.input === undefined ? 'ignore' : 'pipe',
        'pipe',
        'pipe',
        ...(options.descriptors ?? []).map(() => 'pipe' as const),
      ],
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.gid === undefined ? {} : { gid: options.gid }),
    });
    options.onSpawn?.(child);
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
    const feed = (stream: unknown, bytes: string | Uint8Array): void => {
      const writable = stream as NodeJS.WritableStream;
      writable.on('error', () => {});
      writable.end(bytes);
    };
    if (options.input !== undefined) feed(child.stdin, options.input);
    options.descriptors?.forEach((bytes, i) => {
      feed(child.stdio[3 + i], bytes);
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeout ?? 60_000);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const stdout = Buffer.concat(out).toString();
      const stderr = Buffer.concat(err).toString();
      resolve({ code, signal, stdout, stderr, json: () => JSON.parse(stdout), error: () => JSON.parse(stderr) });
    });
  });
}
