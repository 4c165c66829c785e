import { setTimeout as sleep } from 'node:timers/promises';
import { randomBytes } from '../crypto/hash.ts';
import { ClusterCaError } from '../errors.ts';
import { toHex } from '../pki/encoding.ts';
import { safeText } from '../ui/text/safe.ts';
import { listLoaded } from './haproxy-proof.ts';
import type { Ask } from './haproxy-runtime.ts';
import { askHaProxy, escapeName } from './haproxy-socket.ts';
import type { Dialer, Dialing, DialSituation } from './target.ts';

/** What is wanted of the options of HAProxy. */
interface WithSocket {
  socket?: string | undefined;
}

/** Servers of ours are called so, with when they were made (milliseconds since 1970, base 36) and something random. */
const NAME = /^cluster-ca-probe-([0-9a-z]+)-[0-9a-f]+$/;
/** One that a killed run has left is removed by the next that finds it so old, milliseconds. */
const LEFT = 120_000;
/** Between two of its connections, milliseconds. */
const INTERVAL = 200;
/** While a check is under way a server cannot be removed: how long that is tried, milliseconds. */
const REMOVING = 5_000;
const PAUSE = 50;

/**
 * HAProxy checks a server that is added to one of its backends at run time, with the very ca-file, and CRLs, that the
 * worker has loaded. It has no weight and is being drained from its first moment on, so that it is given no traffic.
 */
export const haproxyDialing: Dialing<WithSocket> = {
  listener: ({ socket }) =>
    socket === undefined ? 'its inventory entry names no socket: reload: { socket: PATH }' : {},
  async open(situation) {
    const { host, options, timeout, service } = situation;
    const ask: Ask = (command) => askHaProxy(host, options.socket ?? '', command, timeout);
    const servers = await listServers(ask);
    await removeLeft(ask, servers, Date.now());
    const backends = [...new Set(servers.filter(({ tls }) => tls).map(({ backend }) => backend))];
    if (backends.length === 0) throw cannot('it has no server that it speaks TLS with');
    const line = await serverLine(ask, situation);
    let why = '';
    for (const backend of backends) {
      const server = `${backend}/cluster-ca-probe-${Date.now().toString(36)}-${toHex(randomBytes(4))}`;
      const said = await ask(`add server ${server} ${line}`);
      if (said.includes('New server registered')) return begin(ask, backend, server);
      why ||= `it adds no server to its backend ${backend}: ${firstLine(said)}`;
    }
    throw cannot(why || `${service.label} adds no server`);
  },
};

/** Begins its checks, out of the way of all traffic. */
async function begin(ask: Ask, backend: string, server: string): Promise<Dialer> {
  const close = (): Promise<void> => remove(ask, server);
  for (const command of [`enable health ${server}`, `set server ${server} state drain`]) {
    const said = (await ask(command)).trim();
    if (said === '') continue;
    await close();
    throw cannot(`"${command}" says: ${firstLine(said)}`);
  }
  return {
    how: `a server without traffic, added to its backend ${backend} for as long as it was asked`,
    dial: () => new Promise(() => {}),
    close,
  };
}

/** What stands behind its name: none of it is inherited from `default-server`. */
async function serverLine(ask: Ask, { files, port, name }: DialSituation<WithSocket>): Promise<string> {
  if (!(await listLoaded(ask, 'ca-file')).includes(files.trustBundle))
    throw cannot(`it has not loaded ${files.trustBundle}`);
  const crls = (await listLoaded(ask, 'crl-file')).includes(files.crl);
  // A number that none of the operator's servers had or gets: what a table remembers of that one is not ours.
  const id = 1_000_000_000 + (Buffer.from(randomBytes(4)).readUInt32BE() % 1_000_000_000);
  return [
    `127.0.0.1:${port} id ${id} weight 0`,
    `ssl verify required ca-file ${escapeName(files.trustBundle)}`,
    ...(crls ? [`crl-file ${escapeName(files.crl)}`] : []),
    `check check-ssl check-sni ${name} no-ssl-reuse`,
    `inter ${INTERVAL} fastinter ${INTERVAL} downinter ${INTERVAL} rise 1 fall 10000`,
  ].join(' ');
}

/** @throws ERR_REMOTE when it cannot be removed */
async function remove(ask: Ask, server: string): Promise<void> {
  const deadline = Date.now() + REMOVING;
  await ask(`set server ${server} state maint`);
  for (;;) {
    const said = await ask(`del server ${server}`);
    if (/Server deleted|No such server|not found/i.test(said)) return;
    if (Date.now() > deadline) throw cannot(`it does not remove the server ${server} again: ${firstLine(said)}`);
    await sleep(PAUSE);
  }
}

interface ServerOfBackend {
  backend: string;
  name: string;
  /** It is spoken to by TLS. */
  tls: boolean;
}

async function removeLeft(ask: Ask, servers: readonly ServerOfBackend[], now: number): Promise<void> {
  for (const { backend, name } of servers) {
    const made = NAME.exec(name)?.[1];
    if (made === undefined || Math.abs(now - Number.parseInt(made, 36)) < LEFT) continue;
    await remove(ask, `${backend}/${name}`);
  }
}

/** `show servers state`: a line with the names of the columns, then one a server. */
async function listServers(ask: Ask): Promise<ServerOfBackend[]> {
  const lines = (await ask('show servers state')).split('\n');
  const columns = (lines.find((line) => line.startsWith('# ')) ?? '# ').slice(2).split(' ');
  const at = (name: string): number => columns.indexOf(name);
  if (at('srv_use_ssl') < 0) throw cannot('it does not say which of its servers it speaks TLS with');
  return lines
    .filter((line) => /^\d+ /.test(line))
    .map((line) => line.split(' '))
    .map((cells) => ({
      backend: cells[at('be_name')] ?? '',
      name: cells[at('srv_name')] ?? '',
      tls: cells[at('srv_use_ssl')] === '1' && !NAME.test(cells[at('srv_name')] ?? ''),
    }));
}

function firstLine(answer: string): string {
  return safeText(answer.trim().split('\n')[0]?.slice(0, 200) ?? '') || 'nothing';
}

function cannot(why: string): ClusterCaError {
  return new ClusterCaError('ERR_REMOTE', why, { hint: 'docs/servers/haproxy.md says what it takes' });
}
