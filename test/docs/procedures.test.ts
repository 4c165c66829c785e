import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { describeWith } from '../support/debian.ts';
import { freePort } from '../support/ports.ts';
import { Servers } from '../support/servers.ts';
import { type Redis, startRedis } from '../support/servers-redis.ts';
import { blocks, consoleCommands, follow, newShell, page, pattern } from './console.ts';

const runbook = (await page('runbook.md')).replaceAll(/^ {3}/gm, '');
/** The commands of the blocks with this name. */
const named = (name: string) =>
  consoleCommands(
    blocks(runbook)
      .filter((block) => block.name === name)
      .map(({ content }) => `\`\`\`console\n${content}\`\`\`\n`)
      .join(''),
  );

const NODES = ['redis-1', 'redis-2', 'redis-3'];
const describeLive = await describeWith('redis-server');
const servers = new Servers('runbook');
const shell = await newShell('runbook');

describeLive('the procedures of the runbook, as they are written', () => {
  const redis = new Map<string, Redis>();
  const dir = (name: string): string => join(shell.work, 'etc', name);

  const start = async (name: string, port: number): Promise<void> => {
    redis.set(name, await startRedis(servers, { name, port, files: dir(name) }));
  };

  async function expectAsWritten(name: string): Promise<void> {
    const shown = named(name);
    expect(shown.length).toBeGreaterThan(0);
    const printed = await follow(
      shell,
      shown.map(({ command }) => command),
    );
    for (const [i, { output }] of shown.entries())
      expect(printed[i]?.replace(/\[exit \d+\]\n$/, '')).toMatch(pattern(output));
  }

  beforeAll(async () => {
    const ports = new Map<string, number>();
    for (const name of NODES) ports.set(name, await freePort());
    const nodes = NODES.map(
      (name) =>
        `  ${name}: { ip: [127.0.0.1], planes: [data], services: [{ kind: redis, address: "127.0.0.1:${ports.get(name)}", dir: ${dir(name)} }] }\n`,
    );
    const inventory = join(shell.work, 'cluster.yaml');
    await writeFile(inventory, `cluster: orders\nnodes:\n${nodes.join('')}`);
    Object.assign(shell.env, {
      CLUSTER_CA_KEYSTORE: join(shell.work, 'ca'),
      CLUSTER_CA_KEY_FILE: join(shell.work, 'key'),
      CLUSTER_CA_INVENTORY: inventory,
    });
    const { code, stderr } = await shell.bash(
      'cluster-ca init orders && cluster-ca issue --inventory cluster.yaml --out tls && cluster-ca deploy --from tls --yes',
    );
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    for (const name of NODES) await start(name, ports.get(name) as number);
  });

  test('rotate now', () => expectAsWritten('rotate'), 120_000);

  describe('a node was rebuilt', () => {
    test('its directory is empty, and nothing listens', async () => {
      await redis.get('redis-2')?.server.stop();
      await rm(dir('redis-2'), { recursive: true });
      await expectAsWritten('rebuilt');
    });

    test('it is started', async () => {
      await start('redis-2', redis.get('redis-2')?.port as number);
      await expectAsWritten('started');
    });
  });

  test('a node is lost', () => expectAsWritten('lost'), 60_000);

  test('an expired certificate', async () => {
    const made = await shell.bash(
      'cluster-ca issue redis-1 --plane data --ip 127.0.0.1 --lifetime 4s --force-new --out tls && cluster-ca deploy redis-1 --from tls --yes && sleep 4',
    );
    expect([made.code, made.stderr]).toEqual([0, expect.any(String)]);
    await expectAsWritten('expired');
  });
});
