import * as z from 'zod';
import { parseAddress } from '../endpoint/address.ts';
import { ClusterCaError } from '../errors.ts';
import { safeText } from '../ui/text/safe.ts';
import { path } from './options.ts';
import { type Reply, RespClient, RespError } from './resp.ts';
import { openChannel } from './secure-channel.ts';
import type { Situation } from './target.ts';

/** How to speak with a Redis, Valkey or Sentinel as its administrator: what `reload` says of it in the inventory. */
export const redisLogin = {
  /** An ACL user, and the file with its password: its first line. */
  user: z.string().min(1).optional(),
  passwordFile: path.optional(),
  /** The unix socket, for a server whose TLS is broken. */
  socket: path.optional(),
};

export interface RedisLogin {
  user?: string | undefined;
  passwordFile?: string | undefined;
  socket?: string | undefined;
}

/** A user without a password would not be used. */
export function userHasPassword({ user, passwordFile }: RedisLogin): boolean {
  return user === undefined || passwordFile !== undefined;
}

/**
 * The administrator's connection to a Redis, Valkey or Sentinel: made when it is first needed, kept as long as it
 * stands, made anew when the server has closed it meanwhile.
 */
export class RedisAdmin {
  readonly #situation: Situation<RedisLogin>;
  readonly #needs: string;
  #client: RespClient | undefined;
  #warned = false;

  /** @param needs what an ACL user must be allowed, as ACL SETUSER takes it */
  constructor(situation: Situation<RedisLogin>, needs: string) {
    this.#situation = situation;
    this.#needs = needs;
  }

  /** Whether the connection of before still stands, so that something can be said though the service's TLS is broken. */
  get standing(): boolean {
    return this.#client !== undefined && !this.#client.ended;
  }

  /** Connects, where that was not done. @throws ERR_REMOTE, ERR_TIMEOUT; ERR_CONFIG for the password file */
  async open(): Promise<void> {
    if (!this.standing) this.#client = await this.#connect();
  }

  /** @throws ERR_REMOTE, also for an error reply; ERR_TIMEOUT */
  async call(...words: string[]): Promise<Reply> {
    const [reply = null] = await this.batch([words]);
    if (reply instanceof RespError) throw this.refused(reply, words);
    return reply;
  }

  /** Commands that the server runs one behind the other, with nothing in between. @throws ERR_REMOTE, ERR_TIMEOUT */
  async batch(commands: readonly (readonly string[])[]): Promise<(Reply | RespError)[]> {
    await this.open();
    return (this.#client as RespClient).batch(commands);
  }

  /** A reply that is a flat list of names and values. */
  async pairs(...words: string[]): Promise<Map<string, string>> {
    return pairsOf(await this.call(...words));
  }

  /** What an error reply means, and what helps. */
  refused(error: RespError, words: readonly string[]): ClusterCaError {
    const { service, options } = this.#situation;
    const said = safeText(error.message.slice(0, 300)).replace(/\.$/, '');
    const who = options.user ?? 'default';
    return new ClusterCaError('ERR_REMOTE', `${service.label} refuses ${words.slice(0, 2).join(' ')}: ${said}`, {
      hint:
        /^WRONGPASS/.test(said) && options.passwordFile !== undefined
          ? `the first line of ${options.passwordFile} is not the password of ${who}, or that user is off: ACL GETUSER ${who}`
          : /^NOAUTH|^WRONGPASS/.test(said)
            ? 'say who may speak to it in the inventory: reload: { user: NAME, passwordFile: PATH }'
            : /^NOPERM/.test(said)
              ? `give the user ${who} what it needs: ACL SETUSER ${who} ${this.#needs}`
              : /unknown command/.test(said)
                ? 'is the command renamed or switched off in its configuration?'
                : 'its log says more',
      details: { reason: 'refused' },
    });
  }

  close(): void {
    this.#client?.close();
  }

  async #connect(): Promise<RespClient> {
    const { service, options, timeout } = this.#situation;
    const { user = 'default', passwordFile } = options;
    const password = passwordFile === undefined ? undefined : await this.#password(passwordFile);
    const client = new RespClient(await this.#stream(), service.label, timeout);
    if (password === undefined) return client;
    try {
      await client.call('AUTH', user, password);
      return client;
    } catch (error) {
      client.close();
      if (!(error instanceof RespError)) throw error;
      // A server on which AUTH is renamed repeats its arguments.
      throw this.refused(new RespError(error.message.replaceAll(password, '…')), ['AUTH']);
    }
  }

  /** Over mutual TLS; where that does not work, over the unix socket when there is one. */
  async #stream() {
    const { service, options, host, client, judge, timeout } = this.#situation;
    try {
      if (service.address === undefined)
        throw new ClusterCaError('ERR_CONFIG', `${service.where}: ${service.kind} wants an address`, {
          hint: 'say in the inventory where it is served: address: HOST:PORT',
        });
      return await openChannel(parseAddress(service.address), { client, judge, timeout });
    } catch (error) {
      if (options.socket === undefined) throw error;
      return host.connect(options.socket);
    }
  }

  async #password(file: string): Promise<string> {
    const { host, warn } = this.#situation;
    const content = await host.read(file);
    if (content === undefined)
      throw new ClusterCaError('ERR_CONFIG', `the password file ${file} is not there`, {
        hint: `passwordFile is a path on ${host.label}, where the service is`,
      });
    const [password = ''] = new TextDecoder().decode(content).split(/\r?\n/);
    if (password === '')
      throw new ClusterCaError('ERR_CONFIG', `the password file ${file} has an empty first line`, {
        hint: 'the password is its first line, and nothing else of it is read',
      });
    const there = await host.look(file);
    if (!this.#warned && there?.type === 'file' && (there.mode & 0o004) !== 0)
      warn(`everybody can read the password file ${file}`);
    this.#warned = true;
    return password;
  }
}

/** A reply that is a flat list of names and values. */
export function pairsOf(reply: Reply): Map<string, string> {
  const flat = Array.isArray(reply) ? reply.map(String) : [];
  return new Map(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? ''] as const] : [])));
}
