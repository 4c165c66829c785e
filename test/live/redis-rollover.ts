import { expect } from '@jest/globals';
import type { RolloverBoard } from '../../src/rollover/running/board.ts';
import type { RunResult } from '../support/cli.ts';
import { material } from '../support/tls.ts';
import { underLoad } from '../support/tls-load.ts';
import { RespConnection } from '../support/tls-resp.ts';
import { reaches } from './boards.ts';
import { filesOf, whileReading } from './client-files.ts';
import type { RedisCluster } from './cluster.ts';
import type { Deployer } from './deployer.ts';

/** What each writer of the load does, at least, between two steps. */
const STEP = 40;

/** A Redis cluster whose root CA is replaced while an application writes to it. */
export class RedisRollover {
  readonly #ca: Pick<Deployer, 'live'>;
  readonly #cluster: RedisCluster;
  readonly #ports: ReadonlyMap<string, number>;
  readonly #app: string;

  /** @param app the directory that the application's files are deployed to */
  constructor(ca: Pick<Deployer, 'live'>, cluster: RedisCluster, ports: ReadonlyMap<string, number>, app: string) {
    this.#ca = ca;
    this.#cluster = cluster;
    this.#ports = ports;
    this.#app = app;
  }

  run(verb: string, ...args: string[]): Promise<RunResult> {
    return this.#ca.live(['rollover', verb, ...args]);
  }

  reaches(phase: string, verb: string, ...args: string[]): Promise<RolloverBoard> {
    return reaches((...words) => this.run(...words), phase, verb, ...args);
  }

  /** Does something while the load runs, of which nothing may fail. Like any client, it reads its files again and again. */
  async quietly(work: () => Promise<void>): Promise<void> {
    const { lasting, fresh } = await underLoad(this.#cluster.port, await filesOf(this.#app), async (load) => {
      await whileReading(
        this.#app,
        (files) => load.present(files),
        async () => {
          await load.progress(STEP);
          await work();
        },
      );
      await load.progress(STEP);
    });
    expect([lasting.failures, fresh.failures]).toEqual([[], []]);
    expect(lasting.operations + fresh.operations).toBeGreaterThan(4 * STEP);
  }

  /** What a client with these files is told by every node: `PONG` or `refused`. */
  async answers(files: string): Promise<string[]> {
    const client = { ...(await material(files)), ca: (await material(this.#app)).ca };
    return Promise.all(
      [...this.#ports.values()].map(async (port) => {
        try {
          const connection = await RespConnection.open(port, client);
          try {
            return String(await connection.send('PING'));
          } finally {
            connection.close();
          }
        } catch {
          return 'refused';
        }
      }),
    );
  }
}
