import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { CLUSTER_CA, type RunResult, run } from '../support/cli.ts';
import { newCluster } from '../support/clusters.ts';
import { done, errorObject, expectExit, fails } from './checks.ts';
import { RUNS, words } from './commands.ts';
import { readPair } from './x509.ts';

// Rules 1, 3, 4 and 10, on pipes. On a terminal: terminal.test.ts.
const cluster = await newCluster();
const { alone: ca, out, env } = cluster;
await done(ca, ['issue', 'n1', 'n2', 'n3']);
await done(ca, ['issue', '--inventory', await fleet()]);

async function fleet(): Promise<string> {
  const file = join(cluster.directory, 'fleet.yaml');
  const nodes = Array.from({ length: 60 }, (_, i) => `  fleet-node-with-a-long-name-${i}: { }`);
  await writeFile(file, ['cluster: orders', 'nodes:', ...nodes, ''].join('\n'));
  return file;
}

/** Runs in a shell, in which `ca` is the tool. */
const shell = (script: string, more: Record<string, string> = {}): Promise<RunResult> =>
  run('bash', ['-c', `ca() { "${process.execPath}" "${CLUSTER_CA}" "$@"; }; ${script}`], {
    cwd: out,
    env: { ...env, ...more },
  });

describe('a closed pipe ends quietly', () => {
  test.each(['list --all', 'list --all --json', 'audit export', 'status', 'crl', '--help', 'inspect n1 --json'])(
    '%s | head',
    async (command) => {
      const result = await shell(`ca ${command} | head -c 1 >/dev/null; echo "\${PIPESTATUS[0]}"`);
      expect(result.stderr).toBe('');
      expect(['0', '141']).toContain(result.stdout.trim());
    },
  );

  test('stdout that is closed before the first byte', async () => {
    const child = spawn(process.execPath, [CLUSTER_CA, 'list', '--all', '--json'], {
      cwd: out,
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += String(chunk);
    });
    const [code] = await once(child, 'close');
    expect([[0, 141].includes(code ?? 141), stderr]).toEqual([true, '']);
  });

  test('issue whose reader is gone has still done its work', async () => {
    await shell('ca issue gone | true');
    for (const plane of ['control', 'data']) expect((await readPair(join(out, 'gone', plane))).matches).toBe(true);
    await done(ca, ['keystore', 'check']);
  });

  test('stderr that is closed', async () => {
    expect((await shell('ca rotate nobody 2>&-; echo "$?"')).stdout.trim()).toBe('6');
  });
});

describe('stdin', () => {
  test('closed: everything works, nothing is asked', async () => {
    expect((await shell('ca issue closed --plane data <&- >/dev/null; echo "$?"')).stdout.trim()).toBe('0');
    expect((await shell('ca list <&- >/dev/null; echo "$?"')).stdout.trim()).toBe('0');
    const asked = await shell('ca revoke n1 --json <&-');
    errorObject(asked, 'ERR_INPUT_REQUIRED');
  });

  test('all three closed', async () => {
    await shell('ca issue all-closed --plane data <&- >&- 2>&-');
    expect((await readPair(join(out, 'all-closed/data'))).matches).toBe(true);
  });

  test('a descriptor that is closed is not another file: nothing leaks into the files', async () => {
    await shell('ca issue closed-out --plane data >&- 2>&-');
    expect((await readPair(join(out, 'closed-out/data'))).matches).toBe(true);
    await done(ca, ['keystore', 'check']);
  });

  test('is not read where nothing is asked', async () => {
    const result = await shell("printf 'one\\ntwo\\n' | { ca list >/dev/null; cat; }");
    expect(result.stdout).toBe('one\ntwo\n');
  });

  test('an answer on a pipe is no answer', async () => {
    for (const answer of ['y\n', 'yes\n', 'orders\n'])
      await fails(ca, ['revoke', 'n1'], 'ERR_INPUT_REQUIRED', { input: answer });
  });
});

describe('colour', () => {
  test.each(RUNS)('%s: none in a pipe, whatever the environment says', async (_, args) => {
    const colour = { TERM: 'xterm-256color', COLORTERM: 'truecolor', FORCE_COLOR: '3', CLICOLOR_FORCE: '1' };
    const result = await ca(words(args, cluster), { env: colour });
    expect(result.stdout).not.toContain('\u001b');
    expect(result.stderr).not.toContain('\u001b');
  });

  test('none in errors', async () => {
    const result = await ca(['rotate', 'nobody'], { env: { TERM: 'xterm-256color', FORCE_COLOR: '3' } });
    expect(result.stderr).not.toContain('\u001b');
  });
});

describe('stderr', () => {
  test('has no progress in a pipe', async () => {
    const result = await ca(['issue', '--force-new', '--inventory', join(cluster.directory, 'fleet.yaml')]);
    expectExit(result, 0);
    expect(result.stderr).not.toMatch(/\r|%|\d+\/\d+/);
    expect(result.stderr).not.toContain('\u001b');
  });

  test('--quiet: nothing but errors', async () => {
    for (const args of [['issue', 'quiet-1'], ['rotate', 'quiet-1'], ['verify', './quiet-1/data/cert.pem'], ['list']]) {
      const result = await ca([...args, '--quiet']);
      expectExit(result, 0);
      expect(result.stderr).toBe('');
    }
    expect((await ca(['-q', 'rotate', 'nobody'])).stderr).toMatch(/^cluster-ca: error: /);
  });
});

describe('Ctrl-C', () => {
  test('ends it at once, 130 in a shell, and the next run goes on', async () => {
    const args = "issue interrupted --plane data --passphrase-command 'sleep 40'";
    const { CLUSTER_CA_KEY_FILE: _, ...secretless } = env;
    const script = `"${process.execPath}" "${CLUSTER_CA}" ${args} & sleep 2; kill -INT $!; wait $!; echo "$?"`;
    // A background job of a shell ignores SIGINT unless job control is on.
    const result = await run('bash', ['-mc', script], { cwd: out, env: secretless, timeout: 20_000 });
    expect(result.stdout.trim()).toBe('130');
    await done(ca, ['issue', 'interrupted', '--plane', 'data']);
  });
});
