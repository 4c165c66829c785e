import { freeClusterPort } from '../support/ports.ts';
import { type Servers, until } from '../support/servers.ts';
import { type Redis, redisCli, startRedis } from '../support/servers-redis.ts';
import { material } from '../support/tls.ts';
import { RespConnection } from '../support/tls-resp.ts';
import type { Authority } from './authority.ts';

const SETTINGS = { 'cluster-enabled': 'yes', 'tls-cluster': 'yes', 'cluster-node-timeout': '5000' };

/** A Redis cluster on 127.0.0.1 in which every connection is mutual TLS with data-plane certificates. */
export class RedisCluster {
  readonly #nodes: Map<string, Redis>;
  /** The files of the client that administers it. */
  readonly #admin: string;

  private constructor(nodes: Map<string, Redis>, admin: string) {
    this.#nodes = nodes;
    this.#admin = admin;
  }

  /**
   * Starts the nodes and joins them, one replica to each primary.
   * @param admin the client that administers it: its name, or the directory with its files
   * @param place where each listens and finds its files; else at a free port, with those of `--out`
   * @param more further settings
   */
  static async create(
    servers: Servers,
    ca: Authority,
    names: string[],
    admin: string,
    place?: (name: string) => { port: number; files: string },
    more: Record<string, string> = {},
  ) {
    const settings = { ...SETTINGS, ...more };
    const start = async (name: string): Promise<[string, Redis]> => {
      const { port, files } = place?.(name) ?? { port: await freeClusterPort(), files: ca.node(name, 'data') };
      return [name, await startRedis(servers, { name, port, files, settings })];
    };
    const files = admin.includes('/') ? admin : ca.client(admin);
    const cluster = new RedisCluster(new Map(await Promise.all(names.map(start))), files);
    const addresses = cluster.ports.map((port) => `127.0.0.1:${port}`);
    const options = ['--cluster-replicas', '1', '--cluster-yes'];
    await cluster.cli(cluster.port, '--cluster', 'create', ...addresses, ...options);
    await until('the new cluster is whole', () => cluster.isWhole());
    return cluster;
  }

  get ports(): number[] {
    return [...this.#nodes.values()].map(({ port }) => port);
  }

  /** The port of the first node. */
  get port(): number {
    const [port] = this.ports;
    if (port === undefined) throw new Error('a cluster without nodes');
    return port;
  }

  node(name: string): Redis {
    const node = this.#nodes.get(name);
    if (!node) throw new Error(`no node ${name}`);
    return node;
  }

  /** Starts a node that was stopped, where it was: it finds its cluster again by its own nodes.conf. */
  async restart(servers: Servers, name: string, files: string): Promise<void> {
    const { port } = this.node(name);
    this.#nodes.set(name, await startRedis(servers, { name, port, files, settings: SETTINGS }));
    await until('the cluster is whole again', () => this.isWhole());
  }

  /** Runs redis-cli over TLS. */
  cli(port: number, ...words: string[]): Promise<string> {
    return redisCli(this.#admin, port, ...words);
  }

  /** Whether every node knows all others, holds the cluster for sound, and every replica follows its primary. */
  async isWhole(): Promise<boolean> {
    const infos = await Promise.all(this.ports.map((port) => this.cli(port, 'CLUSTER', 'INFO')));
    const known = new RegExp(`cluster_known_nodes:${this.ports.length}\\b`);
    const following = (await this.#replication()).filter((info) => info.includes('master_link_status:up'));
    return (
      following.length === this.ports.length / 2 &&
      infos.every((info) => info.includes('cluster_state:ok') && known.test(info))
    );
  }

  /** The ports of the replicas. */
  async replicas(): Promise<number[]> {
    const infos = await this.#replication();
    return this.ports.filter((_, i) => infos[i]?.includes('role:slave'));
  }

  /** The ids of two primaries. */
  async primaryIds(): Promise<[string, string]> {
    const replicas = await this.replicas();
    const primaries = this.ports.filter((port) => !replicas.includes(port));
    const [one, other] = await Promise.all(primaries.map((port) => this.cli(port, 'CLUSTER', 'MYID')));
    if (!one || !other) throw new Error('fewer than two primaries');
    return [one, other];
  }

  #replication(): Promise<string[]> {
    return Promise.all(this.ports.map((port) => this.cli(port, 'INFO', 'replication')));
  }

  /** The values of a key on the nodes that hold its slot: the primary, and the replica that serves reads. */
  async copies(key: string): Promise<string[]> {
    const client = await material(this.#admin);
    const values = this.ports.map(async (port) => {
      const connection = await RespConnection.open(port, client);
      try {
        await connection.send('READONLY');
        return await connection.send('GET', key).catch(() => null);
      } finally {
        connection.close();
      }
    });
    return (await Promise.all(values)).filter((value) => typeof value === 'string');
  }
}
