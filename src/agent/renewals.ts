import { type ClusterCaError, isClusterCaError } from '../errors.ts';
import type { KeyType } from '../pki/x509/algorithm.ts';
import { keyTypeOf } from '../pki/x509/public-key.ts';
import { Backoff } from '../rotation/backoff.ts';
import type { Journal } from '../ui/journal.ts';
import { formatTime } from '../values/time.ts';
import type { Connection } from './connection.ts';
import { type Holding, readHolding, readHoldings, renewAt, serialOf } from './holding.ts';
import type { Desired, Report } from './protocol.ts';
import { hasStagedKey, renew } from './renew.ts';
import { random } from './retry.ts';

export interface RenewalsOptions {
  node: string;
  planes: readonly string[];
  /** DIR: DIR/<node>/<plane>/ is what the node has. */
  out: string;
  keyType: KeyType | undefined;
  now: () => Date;
  journal: Journal;
}

/** The serial number of the certificate that is to be replaced, by plane. */
type Rotation = ReadonlyMap<string, string>;
type RotationError = Report['rotations'][number]['error'];

/** A node's certificates: renewed when they are due, and when a rotation asks for it. */
export class Renewals {
  readonly #options: RenewalsOptions;
  readonly #connection: Connection;
  readonly #backoff = new Backoff(random);
  readonly #rotations = new Map<string, Rotation>();
  readonly #ended = new Map<string, RotationError>();

  constructor(options: RenewalsOptions, connection: Connection) {
    this.#options = options;
    this.#connection = connection;
  }

  /** What the node has now. */
  get holdings(): Holding[] {
    const { out, node, planes } = this.#options;
    return readHoldings(out, node, planes);
  }

  /** What helps a node whose certificates have all ended, or are not taken any more: no daemon lets it in. */
  joinAgain(error: ClusterCaError): string | undefined {
    const { now, node, out } = this.#options;
    const at = now().getTime();
    const isOver = !this.holdings.some(({ profile, certificate }) => profile !== 'server' && certificate.notAfter > at);
    if (!isOver && error.details?.problem !== 'certificate-not-accepted') return error.hint;
    const why = isOver ? 'its certificates have ended' : 'its certificate is not taken any more';
    return `${why}, so it joins again: cluster-ca join-token ${node}, then here cluster-ca enroll --server URL --token-file FILE --out ${out}`;
  }

  /** When a failed one may be tried again, milliseconds since 1970. */
  get next(): number {
    return this.#backoff.next;
  }

  /** Rotations that are not ended. */
  get open(): string[] {
    return [...this.#rotations.keys()];
  }

  isOpen(rotation: string): boolean {
    return this.#rotations.has(rotation);
  }

  /** Rotations that have ended, with why where they failed, and of which the daemon has not been told. */
  get ended(): [string, RotationError][] {
    return [...this.#ended];
  }

  ask(rotations: readonly { id: string; planes: readonly { plane: string; serial: string }[] }[]): void {
    for (const { id, planes } of rotations)
      if (!this.#rotations.has(id) && !this.#ended.has(id))
        this.#rotations.set(id, new Map(planes.map(({ plane, serial }) => [plane, serial])));
  }

  end(id: string, error?: ClusterCaError): void {
    if (!this.#rotations.delete(id)) return;
    this.#ended.set(
      id,
      error && {
        code: error.code,
        message: error.message.slice(0, 2000),
        ...(error.hint === undefined ? {} : { hint: error.hint.slice(0, 2000) }),
      },
    );
  }

  /** The daemon has been told of them. */
  forget(ended: readonly string[]): void {
    for (const id of ended) this.#ended.delete(id);
  }

  /** Renews what is due, and what a rotation is to replace. One that fails ends its rotation. */
  async renewDue(desired: Desired): Promise<void> {
    const { now } = this.#options;
    for (const holding of this.holdings) {
      const { plane } = holding;
      const at = now().getTime();
      if (renewAt(holding, desired.policy, desired.issuer) <= at && !this.#backoff.waits(plane, at))
        await this.#renew(desired, holding);
    }
    for (const [id, rotation] of [...this.#rotations])
      for (const [plane, serial] of rotation) {
        const error = await this.#replace(desired, plane, serial);
        if (error !== undefined) this.end(id, error);
      }
  }

  /**
   * Replaces a certificate that is to be replaced, if it is the one that is there. Where a killed run has left a key, the
   * first answer may be that very certificate.
   */
  async #replace(desired: Desired, plane: string, serial: string): Promise<ClusterCaError | undefined> {
    const { out, node } = this.#options;
    for (let tries = 0; tries < 2; tries++) {
      const holding = readHolding(out, node, plane);
      if (holding === undefined) return undefined;
      const isIt = serialOf(holding) === serial;
      if (!isIt && !(await hasStagedKey(holding.place))) return undefined;
      const error = await this.#renew(desired, holding);
      if (error !== undefined) return error;
    }
    return undefined;
  }

  async #renew(desired: Desired, { plane, certificate }: Holding): Promise<ClusterCaError | undefined> {
    const { node, out, keyType, now, journal } = this.#options;
    try {
      const client = this.#connection.client(this.holdings, desired.anchors);
      const type = keyType ?? keyTypeOf(certificate.publicKey) ?? 'ecdsa-p256';
      await renew(client, { node, plane, out, keyType: type });
      this.#backoff.succeeded(plane);
      const renewed = readHolding(out, node, plane);
      const until = renewed && formatTime(renewed.certificate.notAfter);
      journal.say('renewed', { plane, fingerprint: renewed?.fingerprint, until });
      return undefined;
    } catch (error) {
      if (!isClusterCaError(error)) throw error;
      this.#backoff.failed(plane, certificate, now().getTime());
      journal.say('not-renewed', { plane, error: error.message, hint: this.joinAgain(error) });
      return error;
    }
  }
}
