import { join } from 'node:path/posix';
import { formatAddress } from '../endpoint/address.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import { trustNotTaken } from './announced-trust.ts';
import { MEND, objectionTo, restOf } from './etcd-cluster.ts';
import { EtcdMember } from './etcd-member.ts';
import { type EtcdOptions, etcdOptions } from './etcd-options.ts';
import { EtcdRestart } from './etcd-restart.ts';
import type { Change, Problem, Session, Situation, Target } from './target.ts';

/** The link to the set of files that is current (cli.md, "What is written"). */
const CURRENT = '.cluster-ca.current';

/** What restarted what last in this process, by host and command: the generation of files that it came up with. */
const restarted = new WeakMap<Host, Map<string, string>>();

/**
 * etcd reads certificate, key and CRL at every handshake, on its client and its peer port; the trust bundle at its
 * start alone, and SIGHUP ends it. So a change of trust is a restart, for which the others must be a quorum.
 */
export const etcdTarget: Target<EtcdOptions> = {
  kind: 'etcd',
  options: etcdOptions,
  abilities: () => ({
    certificate: 'handshake',
    trust: 'restart',
    crl: 'issuing',
    combined: false,
    connections: 'none',
  }),
  open: (situation) => new EtcdSession(situation),
};

class EtcdSession implements Session {
  readonly #situation: Situation<EtcdOptions>;
  readonly #member: EtcdMember;
  /** The last restart has ended nothing: what runs has never read the new files. */
  #stillRuns = false;

  constructor(situation: Situation<EtcdOptions>) {
    this.#situation = situation;
    this.#member = new EtcdMember(situation);
  }

  async preflight({ trust }: Change): Promise<Problem[]> {
    if (!trust) return [];
    const { service, options } = this.#situation;
    if (options.command === undefined) return [this.#cannotRestart()];
    try {
      const place = await this.#member.place();
      const ill = await this.#member.illness(place);
      const objection = ill ?? objectionTo(place, await restOf(this.#member.api, place));
      if (objection === undefined) return [];
      const what = ill === undefined ? 'cannot be restarted' : 'is not healthy, and is not restarted so';
      return [{ message: `${service.label} ${what}: ${objection}`, hint: MEND }];
    } catch (error) {
      if (!isClusterCaError(error)) throw error;
      return [{ message: error.message, hint: error.hint ?? MEND }];
    }
  }

  async rank(): Promise<number> {
    const { client } = await this.#member.place();
    if (client === undefined) return 0;
    const { member, leader } = await this.#member.api.status(client);
    return member === leader ? 1 : 0;
  }

  async reload({ trust }: Change): Promise<void> {
    if (!trust) return;
    if (this.#stillRuns) {
      this.#stillRuns = false;
      return;
    }
    const { options, host } = this.#situation;
    const { command } = options;
    if (command === undefined) throw remote(this.#cannotRestart());
    const generation = await this.#generation();
    // The service of its other port, with the same files, has restarted it.
    if (generation !== undefined && restarted.get(host)?.get(command.join('\0')) === generation) return;
    const restart = new EtcdRestart(this.#situation, this.#member);
    try {
      await restart.run(command);
    } finally {
      this.#stillRuns = restart.stillRuns;
    }
    const known = restarted.get(host) ?? new Map<string, string>();
    if (generation !== undefined) restarted.set(host, known.set(command.join('\0'), generation));
  }

  async proof({ trust }: Change): Promise<string | undefined> {
    if (!trust) return undefined;
    const { host, files, timeout } = this.#situation;
    const wrong = await trustNotTaken(formatAddress(this.#member.at), { host, path: files.trustBundle }, { timeout });
    return wrong && `${wrong}: is that the file it is started with (--trusted-ca-file, --peer-trusted-ca-file)?`;
  }

  async close(): Promise<void> {}

  /** The generation of files that is current: where the link of its directory leads to. */
  async #generation(): Promise<string | undefined> {
    const { host, service } = this.#situation;
    return (await host.look(join(service.dir, CURRENT)))?.target;
  }

  #cannotRestart(): Problem {
    const { label, where } = this.#situation.service;
    return {
      message: `the trust bundle changes, which ${label} reads at its start alone, and the inventory does not say how to restart it`,
      hint: `say it at ${where}: reload: { command: [systemctl, restart, etcd] }`,
    };
  }
}

function remote({ message, hint }: Problem): ClusterCaError {
  return new ClusterCaError('ERR_REMOTE', message, { hint });
}
