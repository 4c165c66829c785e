import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { execSink } from '../../../src/alerts/sinks/exec.ts';
import { scratch } from '../../support/scratch.ts';
import { batch, patient, transition } from './batch.ts';

const directory = await scratch('exec');
async function program(name: string, text: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, `#!/bin/sh\n${text}\n`);
  await chmod(path, 0o755);
  return path;
}
const sink = (...command: string[]) =>
  execSink('p', { kind: 'exec', command }, { ...process.env, CLUSTER_CA_PASSPHRASE: 'not for children' });

test('JSON on standard input, its words as they are, without the passphrase', async () => {
  const out = join(directory, 'out');
  const path = await program('take', `cat >"$1"; printf '%s|' "$@" >"$1.args"; env >"$1.env"`);
  await sink(path, out, '$(id) ; *', '').send(batch(transition()), patient());
  expect(JSON.parse(await readFile(out, 'utf8'))).toEqual({
    schemaVersion: 1,
    cluster: 'orders',
    at: '2026-01-02T00:00:00Z',
    alerts: [{ event: 'raised', ...transition().alert, raisedAt: '2026-01-01T00:00:00Z' }],
  });
  expect(await readFile(`${out}.args`, 'utf8')).toBe(`${out}|$(id) ; *||`);
  expect(await readFile(`${out}.env`, 'utf8')).not.toContain('not for children');
});

test('one that fails may be tried again, with what it says', async () => {
  const path = await program('fail', 'echo "no pager" >&2; exit 3');
  const error = await sink(path)
    .send(batch(transition()), patient())
    .catch((thrown) => thrown);
  expect(error).toMatchObject({ code: 'ERR_REMOTE', message: `${path} ended with 3: no pager` });
  expect(error.details).toBeUndefined();
});

test('one that is not there, or is no program, is tried no more', async () => {
  await expect(sink('/nowhere/page').send(batch(transition()), patient())).rejects.toMatchObject({
    message: 'cannot run /nowhere/page (ENOENT)',
    details: { permanent: true },
  });
  const file = join(directory, 'data');
  await writeFile(file, 'x', { mode: 0o644 });
  await expect(sink(file).send(batch(transition()), patient())).rejects.toThrow(/EACCES/);
});

test('one that hangs is killed with what it has started', async () => {
  const path = await program('hang', `sleep 600 & echo $! >"$1"; wait`);
  const pidFile = join(directory, 'pid');
  const stopping = new AbortController();
  const sent = sink(path, pidFile).send(batch(transition()), stopping.signal);
  const pid = await (async () => {
    for (;;) {
      const text = await readFile(pidFile, 'utf8').catch(() => '');
      if (text.endsWith('\n')) return Number(text);
      await sleep(10);
    }
  })();
  stopping.abort();
  await expect(sent).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  const state = async () =>
    (await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => 'x (sleep) Z')).split(') ')[1]?.[0];
  while ((await state()) !== 'Z') await sleep(10);
});

test('one that reads nothing of much, one that says much, one that leaves something running', async () => {
  const many = Array.from({ length: 2000 }, (_, i) => transition('raised', 'warning', `n${i}`));
  await sink(await program('deaf', 'exit 0')).send(batch(...many), patient());
  const loud = await program('loud', 'head -c 10000000 /dev/zero | tr "\\0" e >&2; exit 1');
  await expect(sink(loud).send(batch(transition()), patient())).rejects.toThrow(/ended with 1: e{1,1024}$/);
  const leaves = await program('leaves', `sleep 30 & echo $! >"$1"; exit 0`);
  const pidFile = join(directory, 'left');
  await sink(leaves, pidFile).send(batch(transition()), patient());
  process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGKILL');
});
