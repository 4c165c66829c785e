// Before all tests: their files go into memory where there is room. Every command makes its files durable, hundreds of
// times, and a whole run would wait for the disk for minutes; that nothing is lost when the machine fails is not found
// out by waiting for it, but by the tests of test/fault, which decide themselves what reached the disk.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MEMORY = '/dev/shm';
const TMPFS = 0x01021994;
/** The files of the tests that run at one time, with room to spare. */
const ROOM = 2 ** 31;

const ROOT = fileURLToPath(new URL('..', import.meta.url));

export default function setup() {
  // Whoever says where temporary files go knows why.
  if (process.env.TMPDIR === undefined && suits(MEMORY)) {
    process.env.TMPDIR = MEMORY;
    sweep();
  }
  if (existsSync(join(ROOT, 'dist'))) prepare();
}

/** What runs that were killed a day ago or longer have left takes memory. */
function sweep() {
  for (const name of readdirSync(MEMORY)) {
    const path = join(MEMORY, name);
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    try {
      if (name.startsWith('cluster-ca-') && age > 86_400_000) rmSync(path, { recursive: true, force: true });
    } catch {
      // Something is mounted there, or it is another user's.
    }
  }
}

/** A keystore of which each test file may take a copy (test/support/prepared.ts); removed when this process ends. */
function prepare() {
  const directory = mkdtempSync(join(tmpdir(), 'cluster-ca-prepared-'));
  process.once('exit', () => rmSync(directory, { recursive: true }));
  const [keystore, keyFile] = ['keystore', 'key-file'].map((name) => join(directory, name));
  const words = ['init', 'orders', '--keystore', keystore, '--key-file', keyFile, '--json', '--no-input'];
  const { status, stdout } = spawnSync(process.execPath, [join(ROOT, 'bin/cluster-ca'), ...words], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: directory, XDG_STATE_HOME: join(directory, 'state'), LC_ALL: 'C.UTF-8' },
  });
  // The tests that want one then run `init` themselves, and say what is wrong with it.
  if (status !== 0) return;
  writeFileSync(join(directory, 'made.json'), stdout);
  process.env.PREPARED_KEYSTORE = directory;
}

/** Files can be made there, and run: a container's `/dev/shm` often is small, or mounted noexec. */
function suits(directory) {
  let tried;
  try {
    const { type, bavail, bsize } = statfsSync(directory);
    if (type !== TMPFS || bavail * bsize < ROOM) return false;
    tried = mkdtempSync(join(directory, 'cluster-ca-'));
    const script = join(tried, 'script');
    writeFileSync(script, '#!/bin/sh\n', { mode: 0o700 });
    return spawnSync(script).status === 0;
  } catch {
    return false;
  } finally {
    if (tried !== undefined) rmSync(tried, { recursive: true });
  }
}
