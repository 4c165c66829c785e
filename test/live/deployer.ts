import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { RunOptions, RunResult } from '../support/cli.ts';
import { type LoadClient, type Tally, underSteadyLoad } from '../support/steady-load.ts';
import { warmCli } from '../support/warm.ts';
import { Authority, type Certificate } from './authority.ts';

/** A CA whose inventory has live services. */
export class Deployer extends Authority {
  static override async init(directory: string, cluster: string, flags: string[] = []): Promise<Deployer> {
    return new Deployer(directory).begin(cluster, flags);
  }

  /** A command with the inventory, `--json` and `--yes`. */
  live(args: string[], options: RunOptions = {}): Promise<RunResult> {
    const more = ['--inventory', this.inventory, '--json', '--yes'];
    return warmCli([...args, ...more], { env: this.env, timeout: 180_000, ...options });
  }

  deploy(...args: string[]): Promise<RunResult> {
    return this.live(['deploy', '--from', this.out, ...args]);
  }

  /** `rotate --all --deploy` */
  rotate(...args: string[]): Promise<RunResult> {
    return this.live(['rotate', '--all', '--deploy', ...args]);
  }

  /** The current certificates. */
  async issued(): Promise<Certificate[]> {
    return (await this.run('list')).certificates;
  }

  /**
   * `rotate --all --deploy` is killed once it is at work in one of the directories, and then the next run makes it whole.
   * @param delays milliseconds from there to the kill, one for each time; halved where the run has ended before
   * @param whole looks at what the next run has made
   */
  async killed(
    directories: readonly string[],
    delays: readonly number[],
    whole: (certificates: Certificate[]) => Promise<void>,
    { args = [], ready }: { args?: string[]; ready?: () => Promise<void> } = {},
  ): Promise<void> {
    const atWork = (): boolean => directories.some((path) => existsSync(join(path, '.cluster-ca.deploying')));
    const killedAfter = async (delay: number): Promise<boolean> => {
      const { code, signal, stderr } = await this.live(['rotate', '--all', '--deploy'], {
        onSpawn: (child) => {
          const stop = async (): Promise<void> => {
            while (child.exitCode === null && !atWork()) await sleep(5);
            await sleep(delay);
            child.kill('SIGKILL');
          };
          void stop();
        },
      });
      if (signal === null) expect([delay, code, stderr]).toEqual([delay, 0, '']);
      return signal === 'SIGKILL';
    };
    for (const delay of delays) {
      let within = delay;
      while (!(await killedAfter(within))) {
        expect(within).toBeGreaterThan(0);
        within >>= 1;
      }
      await ready?.();
      const next = await this.deploy(...args);
      expect([delay, next.code, next.stderr]).toEqual([delay, 0, '']);
      await whole(await this.issued());
      for (const path of directories) expect([path, generations(path)]).toEqual([path, 1]);
    }
  }

  /** `verify --inventory` finds nothing. @param client a directory with the files of a client */
  async expectNothingFound(client: string): Promise<void> {
    const pair = ['cert', 'key'].flatMap((name) => [`--${name}`, join(client, `${name}.pem`)]);
    const result = await warmCli(['verify', '--inventory', this.inventory, '--json', ...pair], { env: this.env });
    expect([result.code, result.json().findings]).toEqual([0, []]);
  }
}

/** What each client of a load does, at least, between two steps. */
const STEP = 40;

/**
 * Does something while clients work, and nothing of what they try may fail.
 * @param work is given what waits until each has done something more
 * @returns what each group did
 */
export async function underLoad(
  clients: readonly LoadClient[],
  work: (progress: () => Promise<void>) => Promise<void>,
): Promise<Record<string, Tally>> {
  const counted = await underSteadyLoad(clients, async (load) => {
    const progress = (): Promise<void> => load.progress(STEP);
    await progress();
    await work(progress);
    await progress();
  });
  for (const [group, { operations, failures }] of Object.entries(counted)) {
    expect([group, failures]).toEqual([group, []]);
    expect(operations).toBeGreaterThanOrEqual(2 * STEP * clients.filter((client) => client.group === group).length);
  }
  return counted;
}

/** The root of another CA, PEM. */
export async function anotherRoot(directory: string): Promise<Buffer> {
  const other = await Authority.init(directory, 'billing');
  await other.issueClients('app');
  return readFile(join(other.client('app'), 'ca.pem'));
}

/** How many sets of files a service's directory has. */
function generations(path: string): number {
  return readdirSync(path).filter((name) => /^\.cluster-ca\.\d/.test(name)).length;
}
