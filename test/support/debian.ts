import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { describe } from '@jest/globals';
import { run } from './cli.ts';

/** What a live test may ask for, and the Debian package that has it. */
const PACKAGES = {
  'redis-server': 'redis-server',
  'redis-cli': 'redis-tools',
  'redis-sentinel': 'redis-sentinel',
  haproxy: 'haproxy',
  nginx: 'nginx',
  openssl: 'openssl',
  etcd: 'etcd-server',
  postgres: 'postgresql-15',
  tmux: 'tmux',
  bash: 'bash',
  zsh: 'zsh',
  fish: 'fish',
  // What it is for is no program; this one comes with it.
  'dh_bash-completion': 'bash-completion',
  mandoc: 'mandoc',
  man: 'man-db',
  promtool: 'prometheus',
  chromium: 'chromium',
  keytool: 'default-jre-headless',
  certtool: 'gnutls-bin',
  ssh: 'openssh-client',
  sshd: 'openssh-server',
  'softhsm2-util': 'softhsm2',
  gcc: 'gcc',
  faketime: 'faketime',
} as const;

export type Program = keyof typeof PACKAGES;

// An ordinary user's PATH has no sbin.
const PATH = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/15/bin`;

/** The absolute path of an executable. */
export function executable(name: string): string | undefined {
  for (const directory of PATH.split(':').filter((entry) => entry.startsWith('/')))
    try {
      accessSync(join(directory, name), constants.X_OK);
      return join(directory, name);
    } catch {}
  return undefined;
}

/** The absolute path of a program that {@link describeWith} has seen to. */
export function program(name: Program): string {
  const path = executable(name);
  if (path === undefined) throw new Error(`${name} is not installed`);
  return path;
}

/**
 * `describe` for tests that need these programs. A missing one is installed where that is possible (root, apt-get);
 * where it is not, the tests are reported as skipped, with the reason in their name and on standard error.
 */
export async function describeWith(...programs: Program[]): Promise<(name: string, tests: () => void) => void> {
  const reason = await install(programs);
  if (reason === undefined) return describe;
  process.stderr.write(`live test skipped: ${reason}\n`);
  return (name, tests) => describe.skip(`${name} (skipped: ${reason})`, tests);
}

/** @returns why they cannot be had */
async function install(programs: Program[]): Promise<string | undefined> {
  const missing = (): Program[] => programs.filter((name) => executable(name) === undefined);
  const absent = missing();
  if (absent.length === 0) return undefined;
  const what = `${absent.join(', ')} not installed`;
  if (executable('apt-get') === undefined) return `${what}, and there is no apt-get here`;
  if (process.getuid?.() !== 0) return `${what}, and only root can install it`;
  const packages = absent.map((name) => PACKAGES[name]);
  // The kernel drops this lock with its holder, so a killed run leaves nothing in the next one's way.
  const { code, stderr } = await run('flock', ['/var/lib/dpkg', 'sh', '-c', SCRIPT, 'sh', ...packages], {
    env: { PATH, DEBIAN_FRONTEND: 'noninteractive', PROGRAMS: absent.join(' ') },
    timeout: 600_000,
  });
  if (missing().length === 0) return undefined;
  return `${what}, and apt-get (exit ${code}) did not bring it: ${stderr.trim().split('\n').at(-1)}`;
}

/** Installs packages without starting their services, unless another process did so while we waited for the lock. */
const SCRIPT = `
set -eu
which $PROGRAMS >/dev/null && exit 0
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\\nexit 101\\n' >$policy
  chmod 755 $policy
fi
options='-qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300'
apt-get $options update
apt-get $options install -y --no-install-recommends "$@"
`;
