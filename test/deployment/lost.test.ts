import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import type { ServiceObject } from '../../src/deployment/document.ts';
import { newCluster } from '../support/clusters.ts';
import { freePort } from '../support/ports.ts';
import { Servers } from '../support/servers.ts';
import { material, served } from '../support/tls.ts';

// In a rollover one node that fails does not keep the others from theirs; one that fails and serves nobody any more does.

const SERVER = fileURLToPath(new URL('../support/reloading-server.mjs', import.meta.url));
const servers = new Servers('deploy-lost');
const cluster = await newCluster();

test('a server that does not outlive what it is given: nobody else is given it', async () => {
  const at = (name: string): string => join(cluster.directory, name);
  const nodes: string[] = [];
  const ports = new Map<string, number>();
  for (const name of ['n1', 'n2']) {
    const port = await freePort();
    ports.set(name, port);
    const signal = name === 'n1' ? 'KILL' : 'HUP';
    const command = JSON.stringify(['sh', '-c', `kill -${signal} $(cat ${at(`${name}.pid`)})`]);
    nodes.push(
      `  ${name}: { ip: [127.0.0.1], planes: [data], services: [{ kind: exec, address: "127.0.0.1:${port}", dir: ${at(name)}, reload: { command: ${command}, timeout: 2s } }] }`,
    );
  }
  const inventory = at('cluster.yaml');
  await writeFile(inventory, `cluster: orders\nnodes:\n${nodes.join('\n')}\n`);
  for (const args of [
    ['issue', '--inventory', inventory],
    ['deploy', '--inventory', inventory, '--yes'],
  ])
    expect([args[0], (await cluster.ca(args)).code]).toEqual([args[0], 0]);
  for (const [name, port] of ports)
    await servers.start({
      name,
      directory: at(`${name}-server`),
      file: process.execPath,
      args: [SERVER, at(name), String(port), at(`${name}.pid`)],
      ready: async () => (await served(port, await material(at(name))).catch(() => '')) !== '',
    });
  const rollover = (verb: string) =>
    cluster.ca(['rollover', verb, '--inventory', inventory, '--yes', '--json'], { timeout: 60_000 });
  expect((await rollover('start')).code).toBe(0);
  const advanced = await rollover('advance');
  expect(advanced.code).toBe(3);
  const deployed: ServiceObject[] = advanced.json().deployed;
  expect(deployed.map(({ node, state }) => [node, state])).toEqual([
    ['n1', 'failed'],
    ['n2', 'pending'],
  ]);
  expect(deployed[1]?.error?.message).toBe('not reached: n1 failed, and serves nobody any more');
  expect(advanced.json().blocking).toEqual(['n1', 'n2']);
});
