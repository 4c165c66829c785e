import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { takePrepared } from '../support/prepared.ts';
import { warmCli } from '../support/warm.ts';

/** A certificate object of the command line's JSON, as far as these tests look at it. */
export interface Certificate {
  kind: string;
  node: string;
  plane?: string;
  serial: string;
  fingerprint: string;
}

/** A CA made with the command line, in a directory of its own, with all that it has issued. */
export class Authority {
  /** Where certificates are written: `<out>/<node>/<plane>/`, `<out>/clients/<name>/`. */
  readonly out: string;
  readonly inventory: string;
  /** What the command line of this CA is run with. */
  readonly env: Record<string, string>;

  protected constructor(directory: string) {
    this.out = join(directory, 'tls');
    this.inventory = join(directory, 'cluster.yaml');
    this.env = {
      CLUSTER_CA_KEYSTORE: join(directory, 'keystore'),
      CLUSTER_CA_KEY_FILE: join(directory, 'key-file'),
      XDG_STATE_HOME: join(directory, 'state'),
    };
  }

  /** `cluster-ca init`. The secret is a key file, because a passphrase costs half a second each time. */
  static async init(directory: string, cluster: string, flags: string[] = []): Promise<Authority> {
    return new Authority(directory).begin(cluster, flags);
  }

  protected async begin(cluster: string, flags: string[] = []): Promise<this> {
    const directory = dirname(this.out);
    await mkdir(directory, { recursive: true });
    const places = { keystore: join(directory, 'keystore'), keyFile: join(directory, 'key-file') };
    const usual = cluster === 'orders' && flags.length === 0;
    if (usual && (await takePrepared({ ...places, state: join(directory, 'state') })) !== undefined) return this;
    await this.run('init', cluster, '--key-file', places.keyFile, ...flags);
    return this;
  }

  /** Runs a command with `--json`. @returns its document @throws with its error when the exit code is not 0 */
  // biome-ignore lint/suspicious/noExplicitAny: each caller knows which command's document it is
  async run(...args: string[]): Promise<any> {
    const result = await warmCli([...args, '--json', '--no-input'], { env: this.env });
    if (result.code !== 0)
      throw new Error(`cluster-ca ${args.join(' ')}: exit ${result.code}\n${result.stdout}${result.stderr}`);
    return result.json();
  }

  /** Issues everything that an inventory asks for. */
  async issueInventory(yaml: string): Promise<Certificate[]> {
    await writeFile(this.inventory, yaml);
    return (await this.run('issue', '--inventory', this.inventory, '--out', this.out)).certificates;
  }

  async issueClients(...names: string[]): Promise<Certificate[]> {
    return (await this.run('issue', '--client', ...names, '--out', this.out)).certificates;
  }

  /** A new key and certificate for every node and client, in the files they have. */
  async rotateAll(): Promise<Certificate[]> {
    return (await this.run('rotate', '--all', '--out', this.out)).certificates;
  }

  /** The directory with the files of a node's plane. */
  node(name: string, plane: 'control' | 'data'): string {
    return join(this.out, name, plane);
  }

  /** The directory with a client's files. */
  client(name: string): string {
    return join(this.out, 'clients', name);
  }
}

/** The fingerprint of one node and plane, or of one client, among what a command has made. */
export function fingerprintOf(certificates: Certificate[], name: string, plane?: string): string {
  const found = certificates.filter((certificate) => certificate.node === name && certificate.plane === plane);
  const [certificate] = found;
  if (!certificate || found.length > 1) throw new Error(`${found.length} certificates of ${name} ${plane ?? ''}`);
  return certificate.fingerprint;
}
