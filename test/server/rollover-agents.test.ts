import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import type { RolloverBoard } from '../../src/rollover/running/board.ts';
import { AgentProcess } from '../agent/agent-process.ts';
import { run as runProgram } from '../support/cli.ts';
import { describeWith } from '../support/debian.ts';
import { freePort } from '../support/ports.ts';
import { scratch } from '../support/scratch.ts';
import { Servers } from '../support/servers.ts';
import { startNginx } from '../support/servers-nginx.ts';
import { startRedis } from '../support/servers-redis.ts';
import { warmCli } from '../support/warm.ts';
import { type Answer, Daemon, materialOf } from './daemon.ts';

// A rollover over a mix: a Redis and an nginx that an agent sees to, files that another does, and files that the daemon deploys itself.

const directory = await scratch('rollover-agents');
const inventory = join(directory, 'cluster.yaml');
const daemon = await Daemon.make('orders', ['--inventory', inventory]);
const describeRedis = await describeWith('redis-server', 'redis-cli', 'nginx');
const servers = new Servers('rollover-agents');
const { ca } = daemon;

describeRedis('a rollover over agents and services without one', () => {
  const redis = new AgentProcess(daemon, 'r1', directory);
  const files = new AgentProcess(daemon, 'n1', directory);
  const labels: string[] = [];

  const live = (...args: string[]) =>
    warmCli(['rollover', ...args, '--inventory', inventory, '--json', '--yes'], { env: ca.env, timeout: 120_000 });
  /** As the operator, with the files that are hers by now. */
  const post = async (what: 'advance' | 'rollback'): Promise<Answer> =>
    daemon.call(await materialOf(join(directory, 'ann')), `/v1/rollover/${what}`, { method: 'POST', body: {} });
  const advance = (): Promise<Answer> => post('advance');
  const of = (board: RolloverBoard, name: string): string[] =>
    board.services
      .filter(({ node }) => node === name)
      .map(({ service, role, trustsOld, trustsNew, serves, provenBy }) =>
        [service, role, trustsOld, trustsNew, serves, provenBy].join(' '),
      );

  /** The same of both services of r1 in both roles: nginx is made to connect to its agent. */
  const each = (facts: string): string[] =>
    labels.flatMap((label) => ['accept', 'connect'].map((role) => `${label} ${role} ${facts} agent`));

  beforeAll(async () => {
    const [port, webPort, probePort] = [await freePort(), await freePort(), await freePort()];
    labels.push(`redis 127.0.0.1:${port}`, `nginx 127.0.0.1:${webPort}`);
    await writeFile(
      inventory,
      [
        'cluster: orders',
        'nodes:',
        '  r1: { ip: [127.0.0.1], planes: [data] }',
        '  n1: { planes: [data] }',
        `  n2: { planes: [data], services: [{ kind: files, dir: ${join(directory, 'n2')} }] }`,
        'clients:',
        `  ann: { role: operator, services: [{ kind: files, dir: ${join(directory, 'ann')} }] }\n`,
      ].join('\n'),
    );
    await ca.run('issue', 'n2', 'ann', '--inventory', inventory, '--out', ca.out);
    await ca.run('deploy', '--inventory', inventory, '--from', ca.out, '--yes');
    await daemon.start();
    const dir = join(directory, 'redis');
    const web = join(directory, 'web');
    const pidFile = join(servers.directory, 'nginx/nginx.pid');
    await redis.configure(
      `{ plane: data, kind: redis, address: "127.0.0.1:${port}", dir: ${dir} }`,
      `{ plane: data, kind: nginx, address: "127.0.0.1:${webPort}", dir: ${web}, reload: { pidFile: ${pidFile}, connectProbe: { path: /probe, port: ${probePort} } } }`,
    );
    await files.configure(`{ plane: data, kind: files, dir: ${join(directory, 'n1-files')} }`);
    for (const agent of [redis, files]) {
      await agent.join('data');
      agent.start();
    }
    for (const label of labels)
      await redis.event('service', ({ state, service }) => state === 'placed' && service === label);
    await startRedis(servers, { name: 'redis', port, files: dir });
    const probe = { port: probePort, name: 'cluster-ca-probe.orders.internal' };
    await startNginx(servers, web, join(web, 'crl.pem'), { workers: 2, port: webPort, probe });
    for (const node of ['r1', 'n1']) await daemon.event('agent', (event) => event.node === node);
  });

  test('from start to end: agents prove and carry out; one that is away blocks, and is named', async () => {
    expect((await live('start')).code).toBe(0);
    const distributed = await advance();
    expect([distributed.status, distributed.json().rollover?.phase]).toEqual([200, 'distribute']);
    const board: RolloverBoard = distributed.json().rollover;
    expect(of(board, 'r1')).toEqual(each('true true old'));
    expect(of(board, 'n1').map((text) => text.split(' ').slice(2).join(' '))).toEqual([
      'accept true true old file',
      'connect true true old file',
    ]);
    expect(of(board, 'n2')).toHaveLength(2);
    expect(board.blocking).toEqual([]);

    expect(await files.stop()).toBe(0);
    const blocked = await advance();
    expect([blocked.status, blocked.json().type, blocked.json().blocking]).toEqual([
      409,
      'urn:cluster-ca:problem:rollover-blocked',
      ['n1'],
    ]);
    expect(blocked.json().blockers[0]).toMatchObject({
      reason: expect.stringMatching(
        /^n1 is not proven to trust the new root: its agent did not answer; it was last heard of/,
      ),
      hint: expect.stringContaining('on n1: journalctl -u cluster-ca-agent'),
    });
    files.start();
    const issued = await advance();
    expect([issued.status, issued.json().rollover?.phase]).toEqual([200, 'issue-new']);
    expect(of(issued.json().rollover, 'r1')).toEqual(each('true true new'));
    // What agents have proven is named as less than a handshake of one's own.
    const retired = await advance();
    expect([retired.status, retired.json().rollover?.phase]).toEqual([200, 'retire']);
    expect(retired.json().rollover.warnings).toContainEqual(
      expect.stringMatching(/^known by what its agent says, not by a handshake: r1, redis/),
    );
    expect(of(retired.json().rollover, 'r1')).toEqual(each('false true new'));
    // Certificates to ask with are for agents that are asked to prove something.
    const own = { ...(await materialOf(redis.files())), ca: await readFile(join(directory, 'n2', 'ca.pem')) };
    const unasked = await daemon.call(own, '/v1/nodes/r1/probes', { method: 'POST', body: { csr: 'none' } });
    expect([unasked.status, unasked.json().type]).toEqual([409, 'urn:cluster-ca:problem:not-asked']);
    // The last step: at the command line, which asks the agents through the log and the daemon.
    const done = await live('advance');
    expect([done.code, done.code === 0 ? '' : done.stderr]).toEqual([0, '']);
    expect(done.json().phase).toBe('done');
  }, 240_000);

  test('taken back: agents go back to certificates of the old root, and drop the new one', async () => {
    const before = await readFile(join(directory, 'redis', 'ca.pem'), 'utf8');
    expect((await live('start')).code).toBe(0);
    for (const phase of ['distribute', 'issue-new']) expect((await advance()).json().rollover.phase).toBe(phase);
    const back = await post('rollback');
    expect([back.status, back.json().rollover]).toMatchObject([200, { phase: 'rollback', withdrawn: true }]);
    expect(of(back.json().rollover, 'r1')).toEqual(each('true false old'));
    expect((await post('rollback')).json().type).toBe('urn:cluster-ca:problem:needs-root-domain');
    const end = await live('rollback');
    expect([end.code, end.code === 0 ? end.json().phase : end.stderr]).toEqual([0, 'stable']);
    expect(await readFile(join(directory, 'redis', 'ca.pem'), 'utf8')).toBe(before);
    expect(daemon.events.filter(({ event }) => event === 'bug' || event === 'schedule-failed')).toEqual([]);
    for (const agent of [redis, files]) expect([await agent.stop(), agent.stderr]).toEqual([0, '']);
    expect([await daemon.stop(), daemon.stderr]).toEqual([0, '']);
    expect((await ca.run('keystore', 'check')).valid).toBe(true);
  }, 240_000);

  test('who revokes a node revokes what its agent has asked its services with', async () => {
    const { revoked } = await ca.run('revoke', 'r1', '--yes');
    const kinds = revoked.map(({ kind, node, status }: Record<string, string>) => [kind, node, status].join(' '));
    expect(new Set(kinds)).toEqual(new Set(['node r1 revoked', 'probe cluster-ca-probe-r1 revoked']));
    const { certificates } = await ca.run('list', '--all');
    const left = (status: string): Set<string> =>
      new Set(
        certificates.flatMap((one: Record<string, string>) =>
          one.kind === 'probe' && (one.status === 'revoked') === (status === 'revoked') ? [one.node] : [],
        ),
      );
    expect(left('revoked')).toEqual(new Set(['cluster-ca-probe-r1']));
    expect(left('good')).not.toContain('cluster-ca-probe-r1');
    const crl = join(directory, 'revoked.crl');
    await ca.run('crl', '--out', crl);
    const { stdout } = await runProgram('openssl', ['crl', '-in', crl, '-noout', '-text']);
    const serials = revoked
      .filter(({ kind }: { kind: string }) => kind === 'probe')
      .map((one: { serial: string }) => one.serial);
    const listed = serials.filter((serial: string) => stdout.toLowerCase().includes(serial));
    // Those of a root whose key is destroyed are in the log alone: nobody trusts it.
    expect(listed.length).toBeGreaterThan(0);
  });
});
