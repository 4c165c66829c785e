import { type Address, parseAddress } from '../endpoint/address.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { EtcdApi } from './etcd-api.ts';
import { type Place, placeOf } from './etcd-cluster.ts';
import type { EtcdOptions } from './etcd-options.ts';
import type { Situation } from './target.ts';

/** The member behind a service: its client port, or its peer port. */
export class EtcdMember {
  readonly api: EtcdApi;
  readonly #situation: Situation<EtcdOptions>;

  constructor(situation: Situation<EtcdOptions>) {
    this.#situation = situation;
    this.api = new EtcdApi(situation);
  }

  /** Where the service is. @throws ERR_CONFIG when the inventory does not say */
  get at(): Address {
    const { address, where } = this.#situation.service;
    if (address !== undefined) return parseAddress(address);
    throw new ClusterCaError('ERR_CONFIG', `${where}: etcd wants an address`, {
      hint: 'address: HOST:PORT of its client port, or of its peer port',
    });
  }

  /** Where it stands among the others. @throws ERR_REMOTE, ERR_TIMEOUT */
  async place(): Promise<Place> {
    const { options, service } = this.#situation;
    const { clientAddress } = options;
    const place = await placeOf(
      this.api,
      this.at,
      clientAddress === undefined ? undefined : parseAddress(clientAddress),
    );
    if (place !== undefined) return place;
    throw new ClusterCaError('ERR_REMOTE', `${service.label} does not say which member of its cluster it is`, {
      hint: 'say where its clients reach it: reload: { clientAddress: HOST:PORT }',
    });
  }

  /** The same; undefined of a member that does not let us in. */
  async placeIfSaid(): Promise<Place | undefined> {
    try {
      return await this.place();
    } catch (error) {
      if (!isClusterCaError(error)) throw error;
      return undefined;
    }
  }

  /** Why it does not do its work; undefined when it does. A peer port says little more than that it answers. */
  async illness({ client }: Place): Promise<string | undefined> {
    return client === undefined ? this.api.peerIllness(this.at) : this.api.illness(client);
  }
}
