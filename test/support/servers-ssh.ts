import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { program } from './debian.ts';
import { accepts, freePort } from './ports.ts';
import { type Server, type Servers, until } from './servers.ts';

export interface Sshd {
  server: Server;
  port: number;
  /** `ssh://USER@127.0.0.1:PORT` */
  destination: string;
  /** First in PATH: an `ssh` that reads its configuration from the scratch directory. */
  bin: string;
  /** PATH with it. */
  path: string;
  /** The configuration that this ssh reads, the host keys that it knows, and the keys that the server lets in. */
  config: string;
  knownHosts: string;
  /** Its own private key; `.pub` beside it. */
  hostKey: string;
  authorizedKeys: string;
  /** What ssh was called with so far. */
  calls: () => string;
  /** The processes of its open sessions. */
  sessions: () => number[];
  /** Signals its part of every session, and not what runs in them. */
  signal: (name: NodeJS.Signals) => void;
  /** Ends the server and its part of every session at once; what runs in them lives on. */
  kill: () => Promise<void>;
}

export interface SshdOptions {
  /** For its sshd_config, before the others: the first of a kind counts. */
  lines?: readonly string[];
  /** What every login runs, as sh reads it: `eval "$SSH_ORIGINAL_COMMAND"` does what was asked for. */
  forced?: string;
  /** Instead of any free one. */
  port?: number;
}

/** Starts Debian's sshd on a port of 127.0.0.1 for the user of this process, with a key that lets them in. */
export async function startSshd(
  servers: Servers,
  name = 'sshd',
  { lines = [], forced, port: wanted }: SshdOptions = {},
): Promise<Sshd> {
  const directory = join(servers.directory, name);
  const bin = join(directory, 'bin');
  mkdirSync(bin, { recursive: true, mode: 0o700 });
  // Where it is started as a service, systemd makes this.
  if (process.getuid?.() === 0 && !existsSync('/run/sshd')) mkdirSync('/run/sshd', { mode: 0o755 });
  const at = (file: string): string => join(directory, file);
  makeKey(at('host_key'));
  makeKey(at('id'));
  const port = wanted ?? (await freePort());
  const { username } = userInfo();
  const command = forced === undefined ? '' : `command="${forced.replaceAll('"', '\\"')}" `;
  writeFileSync(at('authorized_keys'), `${command}${readFileSync(at('id.pub'), 'utf8')}`, { mode: 0o600 });
  writeFileSync(at('known_hosts'), `[127.0.0.1]:${port} ${readFileSync(at('host_key.pub'), 'utf8')}`);
  writeFileSync(
    at('ssh_config'),
    `Host *
  IdentityFile ${at('id')}
  IdentitiesOnly yes
  UserKnownHostsFile ${at('known_hosts')}
  GlobalKnownHostsFile /dev/null
Host node-1
  HostName 127.0.0.1
  Port ${port}
`,
  );
  writeFileSync(
    join(bin, 'ssh'),
    `#!/bin/sh\nprintf '%s\\n' "$@" >>${at('calls')}\nexec ${program('ssh')} -F ${at('ssh_config')} "$@"\n`,
  );
  chmodSync(join(bin, 'ssh'), 0o755);
  writeFileSync(
    at('sshd_config'),
    `${lines.join('\n')}
Port ${port}
ListenAddress 127.0.0.1
HostKey ${at('host_key')}
PidFile ${at('pid')}
AuthorizedKeysFile ${at('authorized_keys')}
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
LogLevel VERBOSE
`,
  );
  const server = await servers.start({
    name,
    directory,
    file: program('sshd'),
    args: ['-D', '-e', '-f', at('sshd_config')],
    ready: async () => (await accepts(port)) && existsSync(at('pid')),
  });
  const pid = Number(readFileSync(at('pid'), 'utf8'));
  const sessions = (): number[] => descendants(pid);
  const own = (): number[] => sessions().filter((one) => nameOf(one) === 'sshd');
  return {
    server,
    port,
    destination: `ssh://${username}@127.0.0.1:${port}`,
    bin,
    path: `${bin}:${process.env.PATH}`,
    config: at('ssh_config'),
    knownHosts: at('known_hosts'),
    hostKey: at('host_key'),
    authorizedKeys: at('authorized_keys'),
    calls: () => readFileSync(at('calls'), 'utf8'),
    sessions,
    signal: (name) => signal(own(), name),
    kill: async () => {
      const all = own();
      await server.stop();
      signal(all, 'SIGKILL');
      await until('sshd and its sessions are gone', async () => !(await accepts(port)));
    },
  };
}

/** An Ed25519 key in OpenSSH's format, without a passphrase. */
export function makeKey(path: string): void {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', path]);
}

function signal(processes: readonly number[], name: NodeJS.Signals): void {
  for (const one of processes)
    try {
      process.kill(one, name);
    } catch {
      // It has ended with the others.
    }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

/** Every process that comes from this one. */
export function descendants(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)))
    try {
      const fields = readFileSync(`/proc/${name}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      parents.set(Number(name), Number(fields[1]));
    } catch {
      // It has ended meanwhile.
    }
  const children = [...parents].filter(([, parent]) => parent === pid).map(([child]) => child);
  return children.flatMap((child) => [child, ...descendants(child)]);
}
