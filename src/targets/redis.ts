import { resolve } from 'node:path';
import * as z from 'zod';
import { ClusterCaError } from '../errors.ts';
import { safeText } from '../ui/text/safe.ts';
import { RedisAdmin, type RedisLogin, redisLogin, userHasPassword } from './redis-admin.ts';
import { type Mark, markOf, oldConnections } from './redis-connections.ts';
import { cycleConnections } from './redis-cycle.ts';
import { RespError } from './resp.ts';
import type { Problem, Session, Situation, Target } from './target.ts';

/** What the user must be allowed; the last two for cycling connections. */
export const REDIS_RIGHTS =
  '+config|get +config|set +role +time +client|id +client|list +cluster|links +info +client|kill';

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
export const redisTarget: Target<RedisLogin> = {
  kind: 'redis',
  options: z.strictObject(redisLogin).refine(userHasPassword, 'user wants passwordFile'),
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
  readonly #situation: Situation<RedisLogin>;
  readonly #admin: RedisAdmin;
  #mark: Mark | undefined;

  constructor(situation: Situation<RedisLogin>) {
    this.#situation = situation;
    this.#admin = new RedisAdmin(situation, REDIS_RIGHTS);
  }

  async preflight(): Promise<Problem[]> {
    try {
      const problems = this.#wrongPaths(await this.#settings());
      // A setting that is set to what it is: whether we may set at all, and nothing changes.
      const level = (await this.#admin.pairs('CONFIG', 'GET', 'loglevel')).get('loglevel');
      if (level !== undefined) await this.#admin.call('CONFIG', 'SET', 'loglevel', level);
      return problems;
    } catch (error) {
      if (!(error instanceof ClusterCaError)) throw error;
      return [{ message: error.message, hint: error.hint ?? 'cluster-ca verify --inventory FILE looks at it' }];
    }
  }

  async rank(): Promise<number> {
    const role = await this.#admin.call('ROLE');
    return Array.isArray(role) && role[0] === 'master' ? 1 : 0;
  }

  async reload(): Promise<void> {
    const settings = await this.#settings();
    const words = Object.keys(SETTINGS).flatMap((name) => {
      const value = settings.get(name) ?? '';
      return value === '' ? [] : [name, value];
    });
    // In one write, so that the list is of exactly the connections that were made with the old files.
    const set = ['CONFIG', 'SET', ...words];
    const [time, clients, reply] = await this.#admin.batch([['TIME'], ['CLIENT', 'LIST'], set]);
    if (reply instanceof RespError) throw this.#admin.refused(reply, set);
    this.#mark = markOf(time, clients);
  }

  async connections(since: Date) {
    return oldConnections(this.#admin, this.#mark ?? since);
  }

  async cycle(since: Date): Promise<void> {
    const { service, timeout, warn } = this.#situation;
    const { label } = service;
    await cycleConnections(this.#admin, this.#mark ?? since, { label, timeout, warn });
  }

  async close(): Promise<void> {
    this.#admin.close();
  }

  /** The settings of TLS, and `dir`, to which relative paths are relative. */
  async #settings(): Promise<Map<string, string>> {
    const tls = await this.#admin.pairs('CONFIG', 'GET', 'tls-*');
    return new Map([...tls, ...(await this.#admin.pairs('CONFIG', 'GET', 'dir'))]);
  }

  /** A server that reads other files would be told to read them again, and nothing would come of it. */
  #wrongPaths(settings: Map<string, string>): Problem[] {
    const { files, service, warn } = this.#situation;
    const problems: Problem[] = [];
    for (const [name, file] of Object.entries(SETTINGS)) {
      const value = settings.get(name) ?? '';
      const asClient = name.startsWith('tls-client-');
      if (value === '' && asClient) continue;
      const wanted = files[file];
      if (value !== '' && resolve(settings.get('dir') ?? '/', value) === resolve(wanted)) continue;
      const found = `${service.label} has ${name} ${value === '' ? 'empty' : safeText(value)}, and not ${wanted}`;
      // What it shows as a client may well be another service of the inventory; it is read again with the rest.
      if (asClient) warn(found);
      else
        problems.push({
          message: found,
          hint: `CONFIG SET ${name} ${wanted}, and the same in its configuration file; or say its directory in the inventory: dir`,
        });
    }
    const directory = settings.get('tls-ca-cert-dir') ?? '';
    if (directory !== '') warn(`${service.label} also trusts what is in its tls-ca-cert-dir ${safeText(directory)}`);
    return problems;
  }
}
