import { sha256, sha256Hex } from '../crypto/hash.ts';
import { createVerifySignature } from '../crypto/verify-signature.ts';
import type { ClientCertificate } from '../endpoint/handshake.ts';
import { Hosts } from '../hosts/hosts.ts';
import type { Service } from '../inventory/services.ts';
import type { IssueItem } from '../issuance/item.ts';
import { everyAnchor, intermediatesAbove, liveAuthorities, restsOnOthers } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { bundleAnchors } from '../keystore/public.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { type PathFailure, type RevocationCheck, verifyPath } from '../pki/path/index.ts';
import { formatSerial } from '../pki/serial.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import { parseCrl } from '../pki/x509/crl.ts';
import { logRevocation } from '../verification/log-revocation.ts';
import { readDisk } from './disk.ts';
import type { ClusterFacts, ServiceFacts, UsedCertificate } from './facts.ts';
import { readServed } from './served.ts';

const verify = createVerifySignature();

/** Collects what is known of services: from the log, from their directories, from their addresses. */
export class Gatherer {
  readonly #keystore: Keystore;
  readonly #cluster: ClusterFacts;
  readonly #revocation: RevocationCheck;
  readonly #client: ClientCertificate | undefined;
  readonly #hosts = new Hosts();

  private constructor(
    keystore: Keystore,
    cluster: ClusterFacts,
    revocation: RevocationCheck,
    client: ClientCertificate | undefined,
  ) {
    this.#keystore = keystore;
    this.#cluster = cluster;
    this.#revocation = revocation;
    this.#client = client;
  }

  static async create(keystore: Keystore, client: ClientCertificate | undefined, now: Date): Promise<Gatherer> {
    const { state } = keystore;
    const signing = keystore.newestIssuing;
    const issuing = [
      ...liveAuthorities(state).filter(({ role, id }) => role === 'issuing' && id !== signing.id),
      signing,
    ];
    const read = (ders: readonly Uint8Array[]): Certificate[] => ders.map((der) => parseCertificate(der));
    const crls = await Promise.all(
      keystore.state.crls.map(async ({ authority }) => parseCrl(await keystore.crl(authority))),
    );
    const cluster = {
      now,
      roots: read(everyAnchor(state)),
      bundle: read(bundleAnchors(state)),
      issuing: read(
        [...issuing, ...intermediatesAbove(state, signing)].map(({ certificate }) => fromBase64(certificate)),
      ),
      crls,
      restsOnOthers: restsOnOthers(state),
    };
    return new Gatherer(keystore, cluster, await logRevocation(keystore), client);
  }

  get cluster(): ClusterFacts {
    return this.#cluster;
  }

  /** Ends the connections to other hosts. */
  close(): Promise<void> {
    return this.#hosts.close();
  }

  async look(service: Service, wanted: IssueItem | undefined): Promise<ServiceFacts> {
    const { holder, plane, address } = service;
    // What ours has issued before a takeover was taken back is not what is to be in use.
    const row = this.#cluster.restsOnOthers
      ? undefined
      : await this.#keystore.query((index) => index.current(holder.kind, holder.name, plane));
    const der = row && (await this.#keystore.der(row));
    const disk = await readDisk(this.#hosts.of(service), service.dir);
    const served = address === undefined ? undefined : await readServed({ ...service, address }, this.#client);
    const leaf = (served?.seen?.identified ?? served?.seen?.anonymous)?.leaf ?? served?.seen?.chain[0];
    return {
      service,
      // Whatever names another CA's certificates have: they are in use.
      wanted: this.#cluster.restsOnOthers ? undefined : wanted,
      issued: der === undefined ? undefined : await this.#used(der, []),
      disk,
      onDisk: disk.chain[0] && (await this.#used(disk.chain[0].der, disk.chain.slice(1))),
      served,
      inUse: leaf && (await this.#used(leaf, (served?.seen?.chain ?? []).slice(1).flatMap(decoded))),
    };
  }

  async #used(der: Uint8Array, issuers: readonly Certificate[]): Promise<UsedCertificate | undefined> {
    const [certificate] = decoded(der);
    if (certificate === undefined) return undefined;
    const serial = formatSerial(certificate.serialNumber);
    const row = await this.#keystore.query((index) => index.bySerial(serial));
    const own = row !== undefined && sha256Hex(await this.#keystore.der(row)) === sha256Hex(der);
    return {
      certificate,
      fingerprint: sha256Hex(der),
      row: own ? row : undefined,
      failures: this.#failures(der, issuers),
    };
  }

  /** What is wrong with its path. The issuing CAs are at hand here: what is sent along is judged by itself. */
  #failures(der: Uint8Array, issuers: readonly Certificate[]): PathFailure[] {
    const { roots, issuing, now } = this.#cluster;
    return verifyPath({
      target: { der },
      anchors: roots.map((root) => ({ der: root.der })),
      untrusted: [...issuing, ...issuers].map((one) => ({ der: one.der })),
      revocation: this.#revocation,
      now,
      verify,
      sha256: (data) => sha256(data),
    }).failures;
  }
}

function decoded(der: Uint8Array): Certificate[] {
  try {
    return [parseCertificate(der)];
  } catch {
    return [];
  }
}
