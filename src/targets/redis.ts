import { resolve } from 'node:path';
import * as z from 'zod';
import { parseAddress } from '../endpoint/address.ts';
import { ClusterCaError } from '../errors.ts';
import { safeText } from '../ui/text/safe.ts';
import { path } from './options.ts';
import { cycleReplication, oldConnections } from './redis-connections.ts';
import { type Reply, RespClient, RespError } from './resp.ts';
import { openChannel } from './secure-channel.ts';
import type { Problem, Session, Situation, Target } from './target.ts';

const options = z.strictObject({
  /** An ACL user, and the file with its password: its first line. */
  user: z.string().min(1).optional(),
  passwordFile: path.optional(),
  /** The unix socket, for a server whose TLS is broken. */
  socket: path.optional(),
});
type Options = z.infer<typeof options>;

/** The settings that name the files, and what of the set belongs to each. */
const SETTINGS = {
  'tls-cert-file': 'certificate',
  'tls-key-file': 'key',
  'tls-ca-cert-file': 'trustBundle',
  'tls-client-cert-file': 'certificate',
  'tls-client-key-file': 'key',
} as const;

/**
 * Redis and Valkey: CONFIG SET of certificate, key and trust bundle in one call takes all or none, and the same paths
 * named again are read again. Open connections keep what they began with. It reads no CRL.
 */
export const redisTarget: Target<Options> = {
  kind: 'redis',
  options,
  abilities: () => ({
    certificate: 'reload',
    trust: 'reload',
    crl: 'none',
    combined: false,
    connections: 'cycled',
  }),
  open: (situation) => new RedisSession(situation),
};

class RedisSession implements Session {
  readonly #situation: Situation<Options>;
  #client: RespClient | undefined;

  constructor(situation: Situation<Options>) {
    this.#situation = situation;
  }

  async preflight(): Promise<Problem[]> {
    try {
      const settings = await this.#settings();
      const problems = this.#wrongPaths(settings);
      // A setting that is set to what it is: whether we may set at all, and nothing changes.
      const level = (await this.#pairs('CONFIG', 'GET', 'loglevel')).get('loglevel');
      if (level !== undefined) await this.#call('CONFIG', 'SET', 'loglevel', level);
      return problems;
    } catch (error) {
      if (!(error instanceof ClusterCaError)) throw error;
      return [{ message: error.message, hint: error.hint ?? 'cluster-ca verify --inventory FILE looks at it' }];
    }
  }

  async rank(): Promise<number> {
    const role = await this.#call('ROLE');
    return Array.isArray(role) && role[0] === 'master' ? 1 : 0;
  }

  async reload(): Promise<void> {
    const settings = await this.#settings();
    const words = Object.keys(SETTINGS).flatMap((name) => {
      const value = settings.get(name) ?? '';
      return value === '' ? [] : [name, value];
    });
    await this.#call('CONFIG', 'SET', ...words);
  }

  async connections(since: Date) {
    return oldConnections((...words) => this.#call(...words), since);
  }

  async cycle(since: Date): Promise<void> {
    await cycleReplication((...words) => this.#call(...words), since, this.#situation.timeout);
  }

  async close(): Promise<void> {
    this.#client?.close();
  }

  async #settings(): Promise<Map<string, string>> {
    return this.#pairs('CONFIG', 'GET', 'tls-*');
  }

  /** A server that reads other files would be told to read them again, and nothing would come of it. */
  #wrongPaths(settings: Map<string, string>): Problem[] {
    const { files, service } = this.#situation;
    const problems: Problem[] = [];
    for (const [name, file] of Object.entries(SETTINGS)) {
      const value = settings.get(name) ?? '';
      const optional = name.startsWith('tls-client-');
      if (value === '' && optional) continue;
      const wanted = files[file];
      // Relative to the server's working directory, which CONFIG GET does not always tell: the ends are compared.
      const same = value.startsWith('/')
        ? resolve(value) === resolve(wanted)
        : value !== '' && wanted.endsWith(`/${value}`);
      if (same) continue;
      problems.push({
        message: `${service.label} has ${name} ${value === '' ? 'empty' : safeText(value)}, and not ${wanted}`,
        hint: `CONFIG SET ${name} ${wanted}, and the same in its configuration file; or say its directory in the inventory: dir`,
      });
    }
    return problems;
  }

  async #pairs(...words: string[]): Promise<Map<string, string>> {
    const reply = await this.#call(...words);
    const flat = Array.isArray(reply) ? reply.map(String) : [];
    return new Map(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? ''] as const] : [])));
  }

  async #call(...words: string[]): Promise<Reply> {
    this.#client ??= await this.#connect();
    try {
      return await this.#client.call(...words);
    } catch (error) {
      if (!(error instanceof RespError)) {
        this.#client = undefined;
        throw error;
      }
      throw this.#refused(error, words);
    }
  }

  #refused(error: RespError, words: readonly string[]): ClusterCaError {
    const { service, options } = this.#situation;
    const said = safeText(error.message.slice(0, 300));
    const who = options.user === undefined ? 'the default user' : `the user ${options.user}`;
    const hint = /^NOAUTH|^WRONGPASS/.test(said)
      ? 'say who may set it in the inventory: reload: { user: NAME, passwordFile: PATH }'
      : /^NOPERM/.test(said)
        ? `give ${who} what it needs: ACL SETUSER NAME +config|get +config|set +role +client|list +cluster|links`
        : 'its log says more';
    return new ClusterCaError('ERR_REMOTE', `${service.label} refuses ${words.slice(0, 2).join(' ')}: ${said}`, {
      hint,
    });
  }

  async #connect(): Promise<RespClient> {
    const { service, options, timeout } = this.#situation;
    const client = new RespClient(await this.#stream(), service.label, timeout);
    if (options.passwordFile === undefined) return client;
    const password = await this.#password(options.passwordFile);
    try {
      await client.call('AUTH', options.user ?? 'default', password);
    } catch (error) {
      client.close();
      throw error instanceof RespError ? this.#refused(error, ['AUTH']) : error;
    }
    return client;
  }

  /** Over mutual TLS; where that does not work, over the unix socket when there is one. */
  async #stream() {
    const { service, options, host, client, judge, timeout } = this.#situation;
    try {
      if (service.address === undefined)
        throw new ClusterCaError('ERR_CONFIG', `${service.where}: redis wants an address`);
      return await openChannel(parseAddress(service.address), { client, judge, timeout });
    } catch (error) {
      if (options.socket === undefined) throw error;
      return host.connect(options.socket);
    }
  }

  async #password(file: string): Promise<string> {
    const content = await this.#situation.host.read(file);
    if (content === undefined)
      throw new ClusterCaError('ERR_CONFIG', `the password file ${file} is not there`, {
        hint: 'passwordFile is on the host of the service',
      });
    return new TextDecoder().decode(content).split(/\r?\n/)[0] ?? '';
  }
}
