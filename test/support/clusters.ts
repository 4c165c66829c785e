import { chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cli, type RunOptions, type RunResult } from './cli.ts';
import { takePrepared } from './prepared.ts';
import { scratch } from './scratch.ts';
import { warmCli } from './warm.ts';

/** Directories of its own for every run: nothing of the machine's user is read or written. */
export interface Place {
  directory: string;
  env: { HOME: string; XDG_DATA_HOME: string; XDG_STATE_HOME: string };
  /** A new empty directory below. */
  dir(name: string, mode?: number): Promise<string>;
}

/** Call it at the top level of a test file: it registers the clean-up. */
export async function newPlace(name = 'place'): Promise<Place> {
  const directory = await scratch(name);
  const env = {
    HOME: join(directory, 'home'),
    XDG_DATA_HOME: join(directory, 'data'),
    XDG_STATE_HOME: join(directory, 'state'),
  };
  for (const path of Object.values(env)) await mkdir(path, { mode: 0o700 });
  return {
    directory,
    env,
    async dir(child, mode = 0o700) {
      await mkdir(join(directory, child), { mode, recursive: true });
      return join(directory, child);
    },
  };
}

export interface Cluster extends Omit<Place, 'env'> {
  name: string;
  keystore: string;
  keyFile: string;
  /** The working directory of every run, and so the default of `--out`. */
  out: string;
  env: Record<string, string>;
  /** The document that `init --json` printed. */
  made: InitDocument;
  /** In the warm process, where nothing speaks against it. */
  ca(args: string[], options?: RunOptions): Promise<RunResult>;
  /** The same in a process of its own, with pipes: for what is said of that. */
  alone(args: string[], options?: RunOptions): Promise<RunResult>;
}

export interface Authority {
  id: string;
  role: 'root' | 'issuing';
  generation: string | number;
  subject: string;
  serial: string;
  fingerprint: string;
  keyType: string;
  notBefore: string;
  notAfter: string;
  status: string;
}

export interface InitDocument {
  schemaVersion: number;
  cluster: string;
  keystore: string;
  keystoreId: string;
  auditKey: string;
  authorities: Authority[];
}

export interface ClusterOptions {
  name?: string;
  /** Further words for `init`. */
  init?: string[];
  env?: Record<string, string>;
  /** Whom every run is run as; root only. */
  uid?: number;
}

/** A keystore unlocked by a key file: a passphrase would cost 0.4 s of scrypt a run. */
export async function newCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const name = options.name ?? 'orders';
  const place = await newPlace(name);
  const keystore = join(place.directory, 'keystore');
  const keyFile = join(place.directory, 'key');
  const out = await place.dir('out');
  const env = { ...place.env, ...options.env, CLUSTER_CA_KEYSTORE: keystore, CLUSTER_CA_KEY_FILE: keyFile };
  const user = options.uid === undefined ? {} : { uid: options.uid, gid: options.uid };
  if (options.uid !== undefined)
    for (const path of [place.directory, out, ...Object.values(place.env)]) await chown(path, options.uid, options.uid);
  const by =
    (runs: typeof cli): Cluster['ca'] =>
    (args, run = {}) =>
      runs(args, { cwd: out, ...user, ...run, env: { ...env, ...run.env } });
  const [ca, alone] = [by(warmCli), by(cli)];
  const state = place.env.XDG_STATE_HOME;
  const usual = Object.keys(options).length === 0;
  const prepared = usual ? await takePrepared<InitDocument>({ keystore, keyFile, state }) : undefined;
  if (prepared !== undefined) return { ...place, name, keystore, keyFile, out, env, made: prepared, ca, alone };
  const made = await ca(['init', name, '--json', ...(options.init ?? [])]);
  if (made.code !== 0) throw new Error(`init ${name} exits ${made.code}: ${made.stderr}`);
  return { ...place, name, keystore, keyFile, out, env, made: made.json(), ca, alone };
}
