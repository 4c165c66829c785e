import type { Host } from './host.ts';

/** Who owns a file. */
export interface Owner {
  uid: number;
  gid: number;
}

/** Milliseconds. */
const LOOKING = 10_000;

/** USER[:GROUP] as a host knows them; undefined when it does not. A number alone means that group, too. */
export async function idsOf(host: Host, text: string): Promise<Owner | undefined> {
  const [user = '', group] = text.split(':');
  const uid = /^\d+$/.test(user) ? Number(user) : await number(host, ['id', '-u', user]);
  const gid =
    group === undefined
      ? /^\d+$/.test(user)
        ? uid
        : await number(host, ['id', '-g', user])
      : /^\d+$/.test(group)
        ? Number(group)
        : await number(host, ['getent', 'group', group], /^[^:]*:[^:]*:(\d+)/);
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

/** The groups that a user is in; undefined where the host does not say. */
export async function groupsOf(host: Host, uid: number): Promise<number[] | undefined> {
  const { code, stdout } = await host.run(['id', '-G', String(uid)], { timeout: LOOKING });
  return code === 0 ? stdout.trim().split(/\s+/).map(Number) : undefined;
}

/** The user whose process listens on a TCP port, on Linux; undefined when it is not known, or not one alone. */
export async function listenerOf(host: Host, port: number): Promise<number | undefined> {
  const uids = new Set<number>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const content = await host.read(table).catch(() => undefined);
    for (const line of new TextDecoder().decode(content).split('\n')) {
      // sl, local address, remote address, state (0A: LISTEN), queues, timer, retransmits, uid
      const [, local = '', , state, , , , uid] = line.trim().split(/\s+/);
      if (state === '0A' && Number.parseInt(local.split(':')[1] ?? '', 16) === port) uids.add(Number(uid));
    }
  }
  const [only] = uids;
  return uids.size === 1 ? only : undefined;
}

async function number(host: Host, argv: readonly string[], form = /^(\d+)\s*$/): Promise<number | undefined> {
  const { code, stdout } = await host.run(argv, { timeout: LOOKING });
  const found = code === 0 ? form.exec(stdout)?.[1] : undefined;
  return found === undefined ? undefined : Number(found);
}
