import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { done } from '../cli/checks.ts';
import { newCluster } from '../support/clusters.ts';
import { describeWith } from '../support/debian.ts';
import { Screen } from './screen.ts';

// Work over a second shows how far it is, on a terminal, and leaves nothing of it behind.
const cluster = await newCluster();
const { ca, env, out: cwd } = cluster;
const silent = createServer(() => {});
const nodes = Array.from({ length: 12 }, (_, i) => `n${i}`);

beforeAll(async () => {
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const services = `planes: [data], services: [{ plane: data, kind: files, address: "127.0.0.1:${port}", dir: tls }]`;
  const lines = nodes.map((node) => `  ${node}: { ip: [127.0.0.1], ${services} }\n`);
  await writeFile(join(cwd, 'cluster.yaml'), `cluster: orders\nnodes:\n${lines.join('')}`);
  await done(ca, ['issue', '--inventory', 'cluster.yaml', '--out', 'tls']);
});
afterAll(() => {
  silent.close();
});

const inTerminal = await describeWith('tmux');
inTerminal('progress', () => {
  // Services that accept and say nothing: as slow as the time limit of a handshake.
  const args = ['verify', '--inventory', 'cluster.yaml'];
  const line = /^asking services .*\d of 12 +\d+ %.*$/m;

  test.each([80, 40])('is one line in %d columns, and is wiped', async (width) => {
    const screen = await Screen.start(args, { env, cwd, width });
    const [shown = ''] = line.exec(await screen.waitFor(line)) ?? [];
    expect(shown.length).toBeLessThan(width);
    expect(await screen.waitFor(/^exit \d$/m)).not.toMatch(/asking services/);
  });
});
