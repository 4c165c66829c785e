import { chown, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { document, errorObject, expectSafe } from '../cli/checks.ts';
import { hasTerminal, onTerminal } from '../cli/terminal.ts';
import { tree } from '../cli/tree.ts';
import { Servers } from '../support/servers.ts';
import { warmCli } from '../support/warm.ts';
import { Deployed } from './deployed.ts';

const servers = new Servers('deploy-command');
const inTerminal = hasTerminal ? test : test.skip;

// cli.md on `deploy` and `rotate --deploy`, at the command line.
describe('the face of deploy', () => {
  let node: Deployed;
  const args = (): string[] => ['deploy', '--inventory', node.inventory, '--from', node.out];
  const rotation = (): string[] => ['rotate', 'n1', '--deploy', '--inventory', node.inventory];
  const run = (words: string[], env: Record<string, string> = {}) =>
    warmCli(words, { cwd: node.home, env: { ...node.env, ...env } });
  /** All that a run may change: keystore, directories, what is staged. */
  const everything = () => tree(node.home);

  beforeAll(async () => {
    node = await new Deployed(servers, 'command').begin();
  });

  beforeEach(async () => {
    await node.say(node.hangUp);
    expect((await node.deploy()).code).toBe(0);
  });

  test('the document of deploy, field by field', async () => {
    const wanted = await node.renew();
    const result = await run([...args(), '--yes', '--json']);
    expect([result.code, result.stderr]).toEqual([0, '']);
    expect(document(result)).toEqual({
      schemaVersion: 1,
      services: [
        {
          node: 'n1',
          plane: 'data',
          kind: 'exec',
          address: `127.0.0.1:${node.port}`,
          dir: node.dir,
          state: 'confirmed',
          served: wanted,
        },
      ],
      waves: [['n1']],
    });
    const again = await run([...args(), '--yes', '--json']);
    expect(document<{ services: object[] }>(again).services).toEqual([
      expect.objectContaining({ state: 'unchanged', served: wanted }),
    ]);
  });

  test('of a failure: the whole document on stdout, one error object on stderr, 3; in text the same is said', async () => {
    await node.say(['sh', '-c', "printf 'no \\033[31mway\\n' >&2; exit 1"]);
    await node.renew();
    const result = await run([...args(), '--yes', '--json']);
    const error = errorObject(result, 'ERR_PARTIAL');
    expect(error.message).toBe('not every service was done (n1): 1 failed');
    expect(error.hint).toMatch(/\S/);
    const { services } = document<{ services: { error: { message: string } }[] }>(result);
    expect(services).toEqual([
      {
        node: 'n1',
        plane: 'data',
        kind: 'exec',
        address: `127.0.0.1:${node.port}`,
        dir: node.dir,
        state: 'failed',
        served: await node.serves(),
        error: {
          code: 'ERR_REMOTE',
          message: expect.stringMatching(
            /^sh ended with 1 on this host: no .*way; the previous files were put back and are in use$/,
          ),
          hint: expect.any(String),
          details: expect.objectContaining({ cause: 'ERR_REMOTE' }),
        },
      },
    ]);
    expect(error.details?.services).toEqual(services);
    const text = await run([...args(), '--yes']);
    expectSafe(text.stdout.replaceAll('\n', ' '));
    expect([text.code, text.stdout]).toEqual([3, expect.stringContaining('✘ failed')]);
    expect(text.stdout).toMatch(/the previous files were put back\s+and are in use/);
    expect(text.stdout).toMatch(/1 failed\nnext: mend what is named above/);
    expect(text.stderr).toMatch(
      /^cluster-ca: error: not every service was done \(n1\): 1 failed\ncluster-ca: hint: \S/,
    );
  });

  test('the document of rotate --deploy: as rotate, and services; no files where the keys went to the services alone', async () => {
    const alone = document<Record<string, object[]>>(await run([...rotation(), '--yes', '--json']));
    expect(Object.keys(alone).sort()).toEqual([
      'certificates',
      'failed',
      'schemaVersion',
      'services',
      'unchanged',
      'waves',
    ]);
    expect(alone.certificates?.[0]).not.toHaveProperty('files');
    expect(alone.services).toEqual([
      expect.objectContaining({
        state: 'confirmed',
        served: (alone.certificates as { fingerprint: string }[])[0]?.fingerprint,
      }),
    ]);
    const both = document<Record<string, object[]>>(await run([...rotation(), '--yes', '--json', '--out', node.out]));
    expect(both.certificates?.[0]).toMatchObject({ files: { key: join(node.out, 'n1/data/key.pem') } });
  });

  describe('a dry run: no secret, not a byte, dryRun', () => {
    const secretless = { CLUSTER_CA_KEY_FILE: '/nonexistent' };

    test('of deploy: every step, as data and in words', async () => {
      const wanted = await node.renew();
      const before = await everything();
      const result = await run([...args(), '-n', '--json'], secretless);
      expect([result.code, result.stderr]).toEqual([0, '']);
      expect(document(result)).toEqual({
        schemaVersion: 1,
        dryRun: true,
        waves: [['n1']],
        services: [
          {
            node: 'n1',
            plane: 'data',
            kind: 'exec',
            address: `127.0.0.1:${node.port}`,
            dir: node.dir,
            state: 'pending',
            steps: [
              'pre-flight: key, path, purposes, names, what the peers trust',
              `place certificate and key in ${node.dir}`,
              'reload it',
              `confirm that 127.0.0.1:${node.port} serves ${wanted.slice(0, 16)}…, else put the previous files back`,
            ],
          },
        ],
      });
      const text = await run([...args(), '-n'], secretless);
      expect(text.stdout).toMatch(/wave 1: n1\n {2}n1\/data, exec\n {4}1\. pre-flight/);
      expect(await everything()).toEqual(before);
    });

    test('of rotate --deploy: nothing is issued, and the plan is there', async () => {
      const before = await everything();
      const result = await run([...rotation(), '-n', '--json'], secretless);
      expect([result.code, result.stderr]).toEqual([0, '']);
      const plan = document<{
        dryRun: boolean;
        certificates: object[];
        services: { state: string; steps: string[] }[];
      }>(result);
      expect(plan.dryRun).toBe(true);
      expect(plan.certificates[0]).not.toHaveProperty('serial');
      expect(plan.services[0]).toMatchObject({ state: 'pending', steps: expect.arrayContaining(['reload it']) });
      expect(await everything()).toEqual(before);
    });

    test('of what cannot be done: said with the code of the run itself; what an unfinished run left is seen', async () => {
      await node.renew();
      const key = join(node.out, 'n1/data/key.pem');
      const kept = await readFile(key);
      await rm(key);
      const before = await everything();
      const result = await run([...args(), '-n', '--json'], secretless);
      errorObject(result, 'ERR_PARTIAL');
      expect(document<{ services: object[] }>(result).services).toEqual([
        expect.objectContaining({ state: 'failed', error: expect.objectContaining({ code: 'ERR_NOT_FOUND' }) }),
      ]);
      expect(await everything()).toEqual(before);
      await writeFile(key, kept, { mode: 0o600 });
      await node.say(['sh', '-c', 'kill -9 $PPID']);
      await node.run(['deploy', '--from', node.out]);
      await node.say(node.hangUp);
      const unfinished = document<{ services: { state: string; steps: string[] }[] }>(
        await run([...args(), '-n', '--json']),
      );
      expect(unfinished.services[0]).toMatchObject({
        state: 'pending',
        steps: [expect.stringMatching(/^pre-flight/), 'reload it', expect.stringMatching(/^confirm/)],
      });
    });
  });

  describe('questions', () => {
    test('without --yes and without a terminal: 2, and --yes is named; nothing is changed', async () => {
      await node.renew();
      const before = await everything();
      for (const words of [args(), rotation()]) {
        const error = errorObject(await run([...words, '--json']), 'ERR_INPUT_REQUIRED');
        expect(error.hint).toBe('add --yes');
      }
      expect(await everything()).toEqual(before);
      // The timer's form asks nothing.
      expect((await run(['rotate', '--due', '--deploy', '--inventory', node.inventory, '--json'])).code).toBe(0);
    });

    inTerminal.each([
      ['n', 130],
      ['y', 0],
    ])(
      'on a terminal, answered with %s: %d',
      async (answer, code) => {
        const wanted = await node.renew();
        const before = await node.serves();
        const session = await onTerminal(args(), {
          cwd: node.home,
          env: node.env,
          answers: [[/deploy to n1\?/, `${answer}\r`]],
        });
        expect([session.code, await node.serves()]).toEqual([code, answer === 'y' ? wanted : before]);
        if (answer === 'n') expect(session.screen).toMatch(/nothing was changed/);
        else expect(session.screen).toMatch(/✔ confirmed/);
      },
      180_000,
    );

    inTerminal(
      'rotate --deploy says how many',
      async () => {
        const session = await onTerminal(rotation(), {
          cwd: node.home,
          env: node.env,
          answers: [[/rotate 1 certificate and deploy\?/, 'n\r']],
        });
        expect(session.code).toBe(130);
      },
      180_000,
    );
  });

  test('an expired certificate that is served: the cure says so', async () => {
    await node.renew('--lifetime', '15s');
    expect((await node.deploy()).code).toBe(0);
    const { notAfter } = (await node.ok('list', '--node', 'n1', '--status', 'valid')).json().certificates[0];
    await sleep(Date.parse(notAfter) + 1_500 - Date.now());
    const result = await node.run(['rotate', 'n1', '--deploy', '--out', node.out]);
    expect([result.code, result.json().services[0].state, result.json().warnings]).toEqual([
      0,
      'confirmed',
      [expect.stringMatching(/^exec 127\.0\.0\.1:\d+ serves a certificate of this CA that has expired on 20/)],
    ]);
  });

  test('the files belong to whom they belonged, or to whom the inventory says', async () => {
    const dir = join(node.home, 'owned');
    await mkdir(dir);
    for (const name of ['cert.pem', 'key.pem', 'ca.pem']) {
      await writeFile(join(dir, name), await readFile(join(node.out, 'n1/data', name)), { mode: 0o600 });
      if (process.getuid?.() === 0) await chown(join(dir, name), 1234, 4321);
    }
    await node.say(`[{ kind: files, plane: data, dir: ${dir} }]`);
    await node.renew();
    expect((await node.deploy()).service.state).toBe('placed');
    const key = await stat(join(dir, 'key.pem'));
    expect([key.uid, key.gid, key.mode & 0o777]).toEqual(
      process.getuid?.() === 0 ? [1234, 4321, 0o600] : [key.uid, key.gid, 0o600],
    );
    await node.say(`[{ kind: files, plane: data, dir: ${dir}, owner: no-such-user-here }]`);
    await node.renew();
    const kept = await readFile(join(dir, 'cert.pem'));
    const { code, service } = await node.deploy();
    expect([code, service.state]).toEqual([3, 'failed']);
    expect(service.error?.message).toMatch(/there is no user no-such-user-here/);
    expect(service.error?.hint).toMatch(/\S/);
    expect(await readFile(join(dir, 'cert.pem'))).toEqual(kept);
  });
});
