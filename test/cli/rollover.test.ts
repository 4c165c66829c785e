import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import type { RolloverBoard } from '../../src/rollover/running/board.ts';
import type { RunOptions, RunResult } from '../support/cli.ts';
import { type Cluster, newCluster } from '../support/clusters.ts';
import { tree } from './tree.ts';

// Rollovers of services that are nothing but files: what is proven by them, recorded, refused and resumed. Of servers, see
// test/live.

const NODES = ['n1', 'n2'];
interface Files extends Cluster {
  rollover(verb: string, args?: string[], options?: RunOptions): Promise<RunResult>;
  /** The phase after a verb that does what is asked. */
  reaches(verb: string, ...args: string[]): Promise<RolloverBoard>;
  bundle(node: string): Promise<number>;
}

/** A cluster whose files are deployed. */
async function filesCluster(): Promise<Files> {
  const cluster = await newCluster();
  const { directory } = cluster;
  const nodes = NODES.map(
    (name) => `  ${name}: { planes: [data], services: [{ kind: files, dir: ${directory}/${name} }] }`,
  );
  const inventory = join(directory, 'cluster.yaml');
  await writeFile(inventory, `cluster: orders\nnodes:\n${nodes.join('\n')}\n`);
  const env = { CLUSTER_CA_INVENTORY: inventory };
  for (const args of [
    ['issue', '--inventory', inventory],
    ['deploy', '--yes'],
  ]) {
    const { code, stderr } = await cluster.ca(args, { env });
    expect([args[0], code, stderr]).toEqual([args[0], 0, expect.any(String)]);
  }
  const rollover: Files['rollover'] = (verb, args = [], options = {}) =>
    cluster.ca(['rollover', verb, ...args, '--json'], { ...options, env: { ...env, ...options.env } });
  return {
    ...cluster,
    rollover,
    async reaches(verb, ...args) {
      const result = await rollover(verb, ['--yes', ...args]);
      expect([verb, result.code, result.code === 0 ? '' : result.stderr]).toEqual([verb, 0, '']);
      return result.json();
    },
    async bundle(node) {
      const pem = await readFile(join(directory, node, 'ca.pem'), 'utf8');
      return pem.match(/BEGIN CERTIFICATE/g)?.length ?? 0;
    },
  };
}

const errorOf = ({
  stderr,
}: RunResult): { code: string; message: string; hint: string; details: Record<string, unknown> } =>
  JSON.parse(stderr).error;

const clusters = await Promise.all(Array.from({ length: 7 }, () => filesCluster()));

describe('a rollover of files', () => {
  test('phase by phase; each says what it rests on; a dry run changes nothing', async () => {
    const ca = clusters[0] as Files;
    expect(errorOf(await ca.rollover('advance', ['--yes'])).message).toBe('no rollover is in progress');
    // That comes first: which services it would be of, nobody has to say.
    const nowhere = await ca.ca(['rollover', 'advance', '--yes', '--json']);
    expect([nowhere.code, errorOf(nowhere).message]).toEqual([6, 'no rollover is in progress']);
    expect((await ca.rollover('plan')).json()).toMatchObject({ phase: 'stable', breaks: [], toConfirm: [] });
    await ca.reaches('start');
    const whose = await ca.ca(['rollover', 'advance', '--yes', '--json']);
    expect([whose.code, errorOf(whose).message]).toEqual([2, 'whose services are to be taken along?']);
    const refused = await ca.rollover('advance', ['--no-input']);
    expect([refused.code, refused.stdout]).toEqual([2, '']);
    for (const [phase, anchors] of [
      ['distribute', 2],
      ['issue-new', 2],
      ['retire', 1],
      ['done', 1],
    ] as const) {
      const before = await tree(ca.directory);
      const plan = await ca.rollover('advance', ['--dry-run'], { env: { CLUSTER_CA_KEY_FILE: '/nonexistent' } });
      expect([plan.code, plan.json().dryRun]).toEqual([0, true]);
      expect(await tree(ca.directory)).toEqual(before);
      const board = await ca.reaches('advance');
      expect([board.phase, board.blocking]).toEqual([phase, []]);
      expect([await ca.bundle('n1'), await ca.bundle('n2')]).toEqual([anchors, anchors]);
      if (phase === 'done') continue;
      expect(board.services).toHaveLength(4);
      for (const service of board.services)
        expect(service).toMatchObject({ provenBy: 'file', serves: phase === 'distribute' ? 'old' : 'new' });
      // Without a secret, by the log alone.
      const shown = await ca.rollover('status', [], { env: { CLUSTER_CA_KEY_FILE: '/nonexistent' } });
      expect(shown.json().services).toEqual(board.services);
    }
    // What it rested on was named: files, no handshake.
    expect((await ca.rollover('status')).json().phase).toBe('done');
  });

  test('one run to the end, and back from the middle of the next one', async () => {
    const ca = clusters[1] as Files;
    await ca.reaches('start');
    const { phase, steps = [] } = await ca.reaches('run');
    expect(phase).toBe('done');
    expect(steps.map((step) => step.phase)).toEqual([
      'distribute',
      'distribute',
      'issue-new',
      'issue-new',
      'retire',
      'retire',
      'done',
    ]);
    await ca.reaches('start');
    for (const _ of ['distribute', 'issue-new']) await ca.reaches('advance');
    const back = await ca.reaches('rollback');
    expect(back.phase).toBe('stable');
    expect(back.steps?.map(({ what }) => what)).toEqual([
      'go to rollback',
      'issue certificates under the old root, and deploy them, to n1, n2',
      'take the new root out of the trust bundles again',
      'deploy the trust bundle to n1, n2',
      'go to stable: the key of the new root is destroyed',
    ]);
    expect(
      (await ca.ca(['verify', join(ca.directory, 'n1/cert.pem'), '--trust', join(ca.directory, 'n2/ca.pem')])).code,
    ).toBe(0);
  });

  test('who has no service blocks until it is confirmed, and again when something else is wanted; or is left out', async () => {
    const ca = clusters[2] as Files;
    const far = (await ca.ca(['issue', 'far', '--plane', 'data', '--json'])).json().certificates[0];
    await ca.ca(['issue', '--client', 'app']);
    await ca.reaches('start');
    await ca.reaches('advance');
    const blocked = await ca.rollover('advance', ['--yes']);
    expect([blocked.code, errorOf(blocked).details.blocking]).toEqual([6, ['far', 'app']]);
    expect(errorOf(blocked).hint).toContain('rollover confirm');
    const wrong = await ca.rollover('confirm', ['app', '--bundle-sha256', 'ab'.repeat(32)]);
    expect([wrong.code, errorOf(wrong).message]).toEqual([
      6,
      'abababababababab… is not the trust bundle of this phase',
    ]);
    expect((await ca.rollover('confirm', ['app', '--bundle-sha256', 'ab'])).code).toBe(2);
    expect((await ca.rollover('confirm', ['nobody'])).code).toBe(6);
    await ca.reaches('confirm', 'app');
    const severe = await ca.rollover('advance', ['--exclude', 'far', '--yes']);
    expect([severe.code, errorOf(severe).code]).toEqual([2, 'ERR_INPUT_REQUIRED']);
    const board = await ca.reaches('advance', '--exclude', 'far', '--confirm', 'orders');
    expect([board.phase, board.excluded.map(({ node }) => node)]).toEqual(['issue-new', ['far']]);
    const { certificates } = (await ca.ca(['list', '--node', 'far', '--json'])).json();
    expect(certificates).toMatchObject([{ serial: far.serial, status: 'revoked' }]);
    // Given a certificate again, it is asked as everybody else.
    const again = (await ca.ca(['issue', 'far', '--plane', 'data', '--json'])).json().certificates[0];
    const back: RolloverBoard = (await ca.rollover('status')).json();
    expect(back.excluded).toEqual([]);
    expect(back.services.map(({ node }) => node)).toContain('far');
    // It has nothing of the new CA yet.
    expect(errorOf(await ca.rollover('confirm', ['app'])).message).toBe(
      'client app has no certificate of the new root',
    );
    expect(errorOf(await ca.rollover('advance', ['--yes'])).details.blocking).toEqual(['app']);
    await ca.ca(['rotate', 'app']);
    await ca.reaches('confirm', 'app');
    expect((await ca.reaches('advance')).phase).toBe('retire');
    expect(errorOf(await ca.rollover('advance', ['--yes'])).details.blocking).toEqual(['far', 'app']);
    await ca.reaches('confirm', 'app');
    // And it may be left out again.
    const last = await ca.reaches('advance', '--exclude', 'far', '--confirm', 'orders');
    expect([last.phase, last.excluded.map(({ node }) => node)]).toEqual(['done', ['far']]);
    const { certificates: all } = (await ca.ca(['list', '--all', '--node', 'far', '--json'])).json();
    expect(all.map(({ serial, status }: Record<string, string>) => [serial, status]).sort()).toEqual(
      [far.serial, again.serial].map((serial) => [serial, 'revoked']).sort(),
    );
  });

  test('a plan says who does not answer, and what it does not know', async () => {
    const ca = clusters[5] as Files;
    const inventory = join(ca.directory, 'with-servers.yaml');
    const server = `{ kind: exec, address: "127.0.0.1:1", dir: ${ca.directory}/n2, reload: { command: ["true"] } }`;
    await writeFile(
      inventory,
      `cluster: orders\nnodes:\n  n1: { planes: [data], services: [{ kind: files, dir: ${ca.directory}/n1 }] }\n  n2: { planes: [data], services: [${server}] }\n`,
    );
    const plan = (await ca.rollover('plan', ['--inventory', inventory])).json();
    expect(plan).toMatchObject({
      breaks: [],
      unknown: 4,
      roles: 4,
      down: [{ node: 'n2', service: 'exec 127.0.0.1:1', error: expect.stringContaining('connection refused') }],
    });
    const { stdout } = await ca.ca(['rollover', 'plan', '--inventory', inventory]);
    expect(stdout).toContain('nothing would break by what is known');
    expect(stdout).toMatch(/do not answer now.*\n {2}n2: .*127\.0\.0\.1:1: connection refused/);
    expect(stdout).toContain('of 4 services in their roles nothing is proven yet');
  });

  test('one that fails blocks, and is named with what failed; the others have theirs; more than may fail at once end it', async () => {
    const ca = clusters[6] as Files;
    const inventory = join(ca.directory, 'with-commands.yaml');
    const names = ['n1', 'n2', 'n3', 'n4'];
    const node = (name: string): string => {
      const command = JSON.stringify(['test', '!', '-e', join(ca.directory, `${name}.fails`)]);
      return `  ${name}: { planes: [data], services: [{ kind: exec, dir: ${ca.directory}/${name}, reload: { command: ${command} } }] }`;
    };
    await writeFile(inventory, `cluster: orders\nnodes:\n${names.map(node).join('\n')}\n`);
    const env = { CLUSTER_CA_INVENTORY: inventory };
    const fails = (name: string): Promise<void> => writeFile(join(ca.directory, `${name}.fails`), '');
    const bundles = () => Promise.all(names.map((name) => ca.bundle(name)));
    for (const args of [
      ['issue', '--inventory', inventory],
      ['deploy', '--yes'],
      ['rollover', 'start', '--yes'],
    ])
      expect((await ca.ca(args, { env })).code).toBe(0);
    const advance = (...more: string[]) => ca.rollover('advance', ['--yes', ...more], { env });
    for (const name of ['n1', 'n2']) await fails(name);
    const limited = await advance();
    expect([limited.code, await bundles()]).toEqual([3, [1, 1, 1, 1]]);
    expect(limited.json().deployed.map(({ state }: { state: string }) => state)).toEqual([
      'failed',
      'failed',
      'pending',
      'pending',
    ]);
    expect(limited.json().deployed[3].error.message).toBe(
      'not reached: n1, n2 failed, more than the 1 that may be unavailable at once',
    );
    const further = await advance('--max-unavailable', '2');
    expect([further.code, await bundles()]).toEqual([6, [1, 1, 2, 2]]);
    expect(errorOf(further).details.blocking).toEqual(['n1', 'n2']);
    await rm(join(ca.directory, 'n2.fails'));
    const one = await advance();
    expect([one.code, await bundles()]).toEqual([6, [1, 2, 2, 2]]);
    expect(errorOf(one).details.blocking).toEqual(['n1']);
    expect(errorOf(one).message).toContain('deploying it failed: test ended with 1 on this host');
    expect(errorOf(one).hint).toMatch(/^run it by hand there.*cluster-ca rollover advance --exclude n1$/);
    await rm(join(ca.directory, 'n1.fails'));
    const through = await advance();
    expect([through.code, through.json().phase, through.json().blocking]).toEqual([0, 'issue-new', []]);
  });

  test('in an emergency who misses the deadline is left out', async () => {
    const ca = clusters[3] as Files;
    await ca.ca(['issue', 'far', '--plane', 'data']);
    await ca.reaches('start', '--emergency', '--deadline', '1s', '--confirm', 'orders');
    const board = await ca.reaches('run');
    expect([board.phase, board.steps?.filter(({ what }) => what.startsWith('leave out far')).length]).toEqual([
      'done',
      1,
    ]);
    // Of a new issuing CA none of that is told.
    const issuing = await ca.reaches('start', '--issuing');
    expect(issuing).toMatchObject({ phase: 'done', excluded: [], services: [] });
    expect(issuing).not.toHaveProperty('emergency');
  });

  test('killed anywhere, the next run goes on; two at once end in the same place', async () => {
    const ca = clusters[4] as Files;
    await ca.reaches('start');
    for (const delay of [400, 600, 800, 1000, 1300, 1600]) {
      const run = await ca.rollover('run', ['--yes'], {
        onSpawn: (child) => void sleep(delay).then(() => child.kill('SIGKILL')),
      });
      if (run.signal === null) break;
    }
    const both = await Promise.all([ca.rollover('run', ['--yes']), ca.rollover('run', ['--yes'])]);
    for (const { code, stderr } of both)
      if (code !== 0)
        expect([code, JSON.parse(stderr).error]).toEqual([6, expect.objectContaining({ code: 'ERR_STATE' })]);
    if ((await ca.rollover('status')).json().phase !== 'done') await ca.reaches('run');
    expect((await ca.rollover('status')).json().phase).toBe('done');
    expect((await ca.ca(['keystore', 'check', '--json'])).json()).toMatchObject({ valid: true, findings: [] });
    expect([await ca.bundle('n1'), await ca.bundle('n2')]).toEqual([1, 1]);
  });

  test('the board, for people', async () => {
    const ca = clusters[5] as Files;
    await ca.ca(['issue', '--client', 'app']);
    await ca.reaches('start');
    await ca.reaches('advance');
    const inventory = join(ca.directory, 'cluster.yaml');
    const { stdout } = await ca.ca(['rollover', 'status', '--inventory', inventory], { env: {} });
    expect(stdout).toContain('stable ━ prepared ━ [distribute] ─ issue-new ─ retire ─ done');
    expect(stdout).toMatch(/^n1 +data +files \S+ +both +old, new +old +file, /m);
    expect(stdout).toMatch(/^client app +- +- +connect +\? +\? +nothing yet$/m);
    expect(stdout).toMatch(/^1 blocks the next step: app$/m);
    expect(stdout).toContain('cluster-ca rollover advance');
  });
});
