import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { formatAddress } from '../endpoint/address.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import type { Member } from './etcd-api.ts';
import { handOver, illnessOf, MEND, objectionTo, type Place, type Rest, restOf } from './etcd-cluster.ts';
import type { EtcdMember } from './etcd-member.ts';
import type { EtcdOptions } from './etcd-options.ts';
import { runCommand } from './run-command.ts';
import { openChannel } from './secure-channel.ts';
import type { Situation } from './target.ts';

/** How long after a failed command its effect may yet show. Milliseconds. */
const AFTER_FAILURE = 1000;
/** Between two looks at a member that restarts. Milliseconds. */
const PAUSE = 150;

/** Clusters in which a member restarts now, by their peers: the next waits, whatever --max-unavailable says. */
const restarting = new Map<string, Promise<void>>();

/** One restart of a member, by the inventory's command. */
export class EtcdRestart {
  /** What ran before runs on: it has read nothing. */
  stillRuns = true;
  readonly #situation: Situation<EtcdOptions>;
  readonly #member: EtcdMember;

  constructor(situation: Situation<EtcdOptions>, member: EtcdMember) {
    this.#situation = situation;
    this.#member = member;
  }

  /**
   * Hands the leadership over, runs the command, and waits until the process is another one and healthy, and all are
   * that were. A member that lets nobody in cannot be asked first, and is restarted all the same.
   * @throws ERR_REMOTE when the others are no quorum, or the command did not do it; ERR_TIMEOUT
   */
  async run(command: readonly string[]): Promise<void> {
    const place = await this.#member.placeIfSaid();
    await inTurn(place, () => this.#restart(command, place));
  }

  async #restart(command: readonly string[], place: Place | undefined): Promise<void> {
    const { service, options, host } = this.#situation;
    const rest = place && (await this.#prepare(place));
    const held = await this.#hold();
    try {
      await runCommand(host, command, options.timeout);
      const deadline = Date.now() + options.timeout;
      if (held !== undefined && !(await endsBy(held, deadline)))
        throw new ClusterCaError(
          'ERR_REMOTE',
          `${command[0]} ended with 0, and ${service.label} was not restarted: a connection of before lives on`,
          { hint: 'run it by hand there; it is the reload of this service in the inventory' },
        );
      this.stillRuns = false;
      await this.#healthyAgain(place, rest?.healthy ?? [], deadline);
    } catch (error) {
      if (held === undefined || (await endsBy(held, Date.now() + AFTER_FAILURE))) this.stillRuns = false;
      throw error;
    } finally {
      held?.destroy();
    }
  }

  /** What the others are, if the member may restart. It leads no more after this. */
  async #prepare(place: Place): Promise<Rest> {
    const { service, warn } = this.#situation;
    const { api } = this.#member;
    const rest = await restOf(api, place);
    // A member that does nothing loses nothing by a restart, and may be cured by it.
    if ((await this.#member.illness(place)) !== undefined) return rest;
    const objection = objectionTo(place, rest);
    if (objection !== undefined)
      throw new ClusterCaError('ERR_REMOTE', `${service.label} is not restarted: ${objection}`, { hint: MEND });
    if (rest.voters < 3) warn(`${service.label}: its cluster has no quorum while it restarts, and serves nobody`);
    const inVain = await handOver(api, place, rest);
    if (inVain !== undefined) warn(`${service.label} leads, and could not hand that over: ${inVain}`);
    return rest;
  }

  /**
   * A connection that lives as long as the process. One that has never asked anything would hold up its end by five
   * seconds: a Go server that stops waits for new connections, and closes idle ones.
   */
  async #hold(): Promise<TLSSocket | undefined> {
    const { at } = this.#member;
    try {
      const socket = await openChannel(at, this.#situation);
      socket.on('error', () => {});
      socket.write(`GET /version HTTP/1.1\r\nHost: ${formatAddress(at)}\r\n\r\n`);
      await once(socket, 'data', { signal: AbortSignal.timeout(this.#situation.timeout) }).catch(() => {});
      return socket.resume();
    } catch (error) {
      if (!isClusterCaError(error)) throw error;
      return undefined;
    }
  }

  /** Waits until the member does its work again, and those others that did. */
  async #healthyAgain(place: Place | undefined, others: readonly Member[], deadline: number): Promise<void> {
    const { service, options } = this.#situation;
    for (;;) {
      const ill = await this.#notYet(place, others);
      if (ill === undefined) return;
      if (Date.now() > deadline)
        throw new ClusterCaError(
          'ERR_TIMEOUT',
          `${service.label} is not healthy ${options.timeout / 1000} s after its restart: ${ill}`,
          { hint: 'its log says more; where it only needs longer: reload: { timeout: 2m }' },
        );
      await sleep(PAUSE);
    }
  }

  async #notYet(place: Place | undefined, others: readonly Member[]): Promise<string | undefined> {
    try {
      const own = await this.#member.illness(place ?? (await this.#member.place()));
      if (own !== undefined) return own;
      for (const one of others) {
        const ill = await illnessOf(this.#member.api, one);
        if (ill !== undefined) return ill;
      }
      return undefined;
    } catch (error) {
      if (!isClusterCaError(error)) throw error;
      return error.message;
    }
  }
}

/** Does something when no other member of the cluster is at it in this process. */
async function inTurn(place: Place | undefined, work: () => Promise<void>): Promise<void> {
  if (place === undefined) return work();
  const cluster = [place.self, ...place.others]
    .flatMap(({ peer }) => peer.map(formatAddress))
    .sort()
    .join();
  const before = restarting.get(cluster) ?? Promise.resolve();
  const mine = before.catch(() => {}).then(work);
  restarting.set(cluster, mine);
  await mine;
}

/** Whether a connection ends until then. */
async function endsBy(socket: TLSSocket, deadline: number): Promise<boolean> {
  if (socket.closed) return true;
  try {
    await once(socket, 'close', { signal: AbortSignal.timeout(Math.max(1, deadline - Date.now())) });
    return true;
  } catch {
    return socket.closed;
  }
}
