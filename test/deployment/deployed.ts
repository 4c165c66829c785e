import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DeployDocument, ServiceObject } from '../../src/deployment/document.ts';
import { cli, type RunOptions, type RunResult } from '../support/cli.ts';
import { freePort } from '../support/ports.ts';
import type { Server, Servers } from '../support/servers.ts';
import { ask, material, served } from '../support/tls.ts';
import { warmCli } from '../support/warm.ts';

const SERVER = fileURLToPath(new URL('../support/reloading-server.mjs', import.meta.url));

/** A node with one service of kind exec, in front of a real TLS server that reads its files at SIGHUP. */
export class Deployed {
  readonly home: string;
  readonly env: Record<string, string>;
  readonly #servers: Servers;
  readonly #cli: typeof cli;
  #server: Server | undefined;
  port = 0;
  keystoreId = '';

  /** @param runs what runs its commands, when no process of their own is asked for */
  constructor(servers: Servers, name: string, runs: typeof cli = warmCli) {
    this.#servers = servers;
    this.#cli = runs;
    this.home = join(servers.directory, name);
    this.env = {
      CLUSTER_CA_KEYSTORE: join(this.home, 'ca'),
      CLUSTER_CA_KEY_FILE: join(this.home, 'key-file'),
      XDG_STATE_HOME: join(this.home, 'state'),
      HOME: this.home,
    };
  }

  get dir(): string {
    return join(this.home, 'etc');
  }

  get out(): string {
    return join(this.home, 'tls');
  }

  get inventory(): string {
    return join(this.home, 'cluster.yaml');
  }

  /** What the server needs to read its files anew. */
  get hangUp(): string[] {
    return ['sh', '-c', `kill -HUP $(cat ${join(this.home, 'pid')})`];
  }

  /** A CA, a node `n1` and a client `app`, the files placed, the server started. */
  async begin(): Promise<this> {
    await mkdir(this.home, { recursive: true });
    this.port = await freePort();
    this.keystoreId = (await this.ok('init', 'orders')).json().keystoreId;
    await this.say(this.hangUp);
    await this.ok('issue', '--inventory', this.inventory, '--out', this.out);
    await this.ok('deploy', '--from', this.out);
    await this.start();
    return this;
  }

  async start(): Promise<void> {
    const client = await material(join(this.out, 'clients/app'));
    this.#server = await this.#servers.start({
      name: 'reloading',
      directory: join(this.home, 'server'),
      file: process.execPath,
      args: [SERVER, this.dir, String(this.port), join(this.home, 'pid')],
      ready: async () => (await served(this.port, client).catch(() => '')) !== '',
    });
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  /** Writes the inventory. @param reload its command, or the whole of `services` in YAML */
  async say(reload: string[] | string, more = ''): Promise<void> {
    const services =
      typeof reload === 'string'
        ? reload
        : `[{ kind: exec, plane: data, address: "127.0.0.1:${this.port}", dir: ${this.dir}, reload: { command: ${JSON.stringify(reload)}${more} } }]`;
    await writeFile(
      this.inventory,
      `cluster: orders\nnodes:\n  n1: { ip: [127.0.0.1], planes: [data], services: ${services} }\nclients: { app: {} }\n`,
    );
  }

  run(args: string[], options: RunOptions = {}): Promise<RunResult> {
    const own = ['deploy', 'rotate'].includes(args[0] ?? '') ? ['--inventory', this.inventory, '--yes'] : [];
    const runs = options.onSpawn === undefined ? this.#cli : cli;
    return runs([...args, ...own, '--json'], {
      cwd: this.home,
      timeout: 60_000,
      ...options,
      env: { ...this.env, ...options.env },
    });
  }

  async ok(...args: string[]): Promise<RunResult> {
    const result = await this.run(args);
    if (result.code !== 0) throw new Error(`${args.join(' ')}: ${result.code}\n${result.stdout}${result.stderr}`);
    return result;
  }

  /** Runs `deploy` from `--out`. @returns its code, the one service of its document, and the error object if there is one */
  async deploy(
    ...args: string[]
  ): Promise<{ code: number | null; service: ServiceObject; error?: { code: string; hint: string } }> {
    const result = await this.run(['deploy', '--from', this.out, ...args]);
    if (result.stdout === '') throw new Error(`deploy ended with ${result.code}: ${result.stderr}`);
    const document: DeployDocument = result.json();
    const [service] = document.services;
    if (service === undefined) throw new Error(`no service: ${result.stdout}`);
    return { code: result.code, service, ...(result.stderr === '' ? {} : { error: result.error().error }) };
  }

  /** A new certificate for the node, in `--out`. @returns its fingerprint */
  async renew(...args: string[]): Promise<string> {
    const made = await this.ok(
      'issue',
      'n1',
      '--plane',
      'data',
      '--ip',
      '127.0.0.1',
      '--force-new',
      '--out',
      this.out,
      ...args,
    );
    return made.json().certificates[0].fingerprint;
  }

  async serves(): Promise<string> {
    return served(this.port, await material(join(this.out, 'clients/app')));
  }

  /** Whether it answers to the client `app`. */
  async letsIn(): Promise<boolean> {
    return (await ask(this.port, await material(join(this.out, 'clients/app')), 'x').catch(() => '')) === 'x';
  }

  /** The current generation. */
  current(): Promise<string> {
    return readlink(join(this.dir, '.cluster-ca.current'));
  }

  read(name: string): Promise<string> {
    return readFile(join(this.dir, name), 'utf8');
  }

  /** Generations that are there. */
  get generations(): string[] {
    return readdirSync(this.dir).filter((name) => /^\.cluster-ca\.\d/.test(name));
  }

  /** Files that only a run at work has. */
  get leftovers(): string[] {
    const known = /^(\.cluster-ca\.(\d.*|current)|(cert|key|ca|crl|combined)\.pem)$/;
    const staged = join(this.env.XDG_STATE_HOME as string, 'cluster-ca/deploying');
    return [
      ...readdirSync(this.dir).filter((name) => !known.test(name)),
      ...(existsSync(staged) ? readdirSync(staged, { recursive: true }).map(String) : []).filter((name) =>
        name.endsWith('.pem'),
      ),
    ];
  }

  parent(): string {
    return dirname(this.dir);
  }
}
