import { sha256Hex } from '../crypto/hash.ts';
import { ClusterCaError } from '../errors.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import { type Anchor, damagedAnchor, findAnchor, parseHead, unwitnessed } from './anchor.ts';
import { tampered } from './canonical.ts';
import { CertificateIndex } from './certificates/index.ts';
import { Overlay } from './certificates/overlay.ts';
import type { CertificateRow } from './certificates/row.ts';
import { inProgress, newestIssuer, signingIssuer } from './hierarchy.ts';
import { decodeIdentity, type Identity } from './identity.ts';
import { foldOn, type Loaded, loadLog, readObject, readPack, rolledBack } from './load.ts';
import type { Authority } from './log/bodies.ts';
import type { Applied } from './log/fold.ts';
import { checkNoGap } from './log/gap.ts';
import { recordHash } from './log/record.ts';
import type { LogState } from './log/state.ts';
import { encodePack, type PackedCertificate } from './pack.ts';
import { PackCache } from './pack-cache.ts';
import { PageMissing } from './snapshot/pages.ts';
import { SnapshotPages } from './snapshot/snapshot.ts';
import type { Store } from './store.ts';

export interface KeystoreOptions {
  /** Where the root domain's slots and sealed keys are, when not in the keystore itself. */
  rootStore?: Store | undefined;
  /** Where anchors are kept; undefined: nowhere. */
  anchors: string | undefined;
}

/** How far the revocations of a log were read. */
export interface RevocationMark {
  overlay: Overlay;
  revoked: number;
}

/** What helps when the log is behind `public/head`. */
export const HEAD_HINT =
  'if this is an older copy of the keystore, bring back the newer one; if this user wrote last and has an anchor, the file is wrong: cluster-ca keystore check --repair rebuilds it';

/** An open keystore, for reading: no passphrase, no write access. */
export class Keystore {
  readonly store: Store;
  readonly identity: Identity;
  readonly options: KeystoreOptions;
  readonly #identityBytes: Uint8Array;
  #loaded: Loaded;
  readonly #packs = new PackCache();
  /** For all questions: pages are named by their content, and never change. */
  readonly #pages: SnapshotPages;
  /** The CAs' certificates by their base64, decoded once. */
  readonly #decoded = new Map<string, Certificate>();
  /** The pack that was stored last: its record is rehearsed on it. */
  #stored: { sha256: string; certificates: PackedCertificate[] } | undefined;
  /** The last of those that change `#loaded`; the next one begins behind it. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    store: Store,
    identity: Identity,
    identityBytes: Uint8Array,
    loaded: Loaded,
    options: KeystoreOptions,
  ) {
    this.store = store;
    this.#pages = new SnapshotPages(store);
    this.identity = identity;
    this.options = options;
    this.#identityBytes = identityBytes;
    this.#loaded = loaded;
  }

  /**
   * Opens a keystore and folds its log.
   * @throws ERR_KEYSTORE_ABSENT, ERR_KEYSTORE_TAMPERED, ERR_KEYSTORE_ROLLED_BACK
   */
  static async open(store: Store, options: KeystoreOptions): Promise<Keystore> {
    const bytes = await store.readIdentity();
    if (bytes === undefined) throw await absent(store);
    const identity = decodeIdentity(bytes);
    return new Keystore(store, identity, bytes, await loadLog(store, identity, bytes), options);
  }

  get state(): LogState {
    return this.#loaded.state;
  }

  /** How many records the snapshot does not have yet, and how many certificates. */
  get tail(): { records: number; certificates: number } {
    return { records: this.#loaded.overlay.records, certificates: this.#loaded.overlay.bySerial.size };
  }

  get certificates(): CertificateIndex {
    const { pages, overlay } = this.#loaded;
    return new CertificateIndex(pages, this.#pages, overlay);
  }

  /** How far the revocations of the log were read by now. */
  get revocationMark(): RevocationMark {
    const { overlay } = this.#loaded;
    return { overlay, revoked: overlay.revoked.size };
  }

  /** True when what was read since revokes nothing; false also when a snapshot was read anew: then it cannot be told so cheaply. */
  hasNoRevocationSince({ overlay, revoked }: RevocationMark): boolean {
    return this.#loaded.overlay === overlay && overlay.revoked.size === revoked;
  }

  /**
   * Reads what was appended since.
   * @throws ERR_KEYSTORE_TAMPERED; ERR_KEYSTORE_ROLLED_BACK when what was read is not there any more; ERR_KEYSTORE_ABSENT
   */
  refresh(): Promise<void> {
    return this.#alone(async () => {
      const { state, overlay } = this.#loaded;
      const next = await foldOn(this.store, this.identity, this.#identityBytes, state, overlay);
      // Nothing new may mean an older copy in its place; a record that is new names the one before it.
      if (next === undefined || next === state) return this.#checkStands(state);
      this.#loaded = { ...this.#loaded, state: next };
    });
  }

  /** What this process has read is a lower bound as well: it may run for longer than the keystore stays at its place. */
  async #checkStands({ seq, head }: LogState): Promise<void> {
    const record = await this.store.readRecord(seq);
    if (record !== undefined && recordHash(record) === head) return;
    if ((await this.store.readIdentity()) === undefined) throw await absent(this.store);
    throw rolledBack(
      record === undefined
        ? `the keystore ends before record ${seq}, which was read from it a while ago`
        : `log record ${seq} is not the one that was read a while ago`,
      'an older copy was put in its place: bring back the newer one; after a wanted restore start what runs on it anew',
    );
  }

  /** Takes over what a record that was just appended changes, as applied to `before`. False when the log was read on since. */
  adopt(before: LogState, { state, changes }: Applied): Promise<boolean> {
    return this.#alone(async () => {
      if (this.#loaded.state !== before) return false;
      this.#loaded.overlay.add(changes);
      this.#loaded = { ...this.#loaded, state };
      return true;
    });
  }

  /** One after the other: two that read on from the same record would both apply what follows. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  /** The certificates of the pack that was just stored; of any other as they are read. @throws ERR_KEYSTORE_TAMPERED */
  async pack(sha256: string, seq: number): Promise<PackedCertificate[]> {
    return this.#stored?.sha256 === sha256 ? this.#stored.certificates : readPack(this.store, sha256, seq);
  }

  /** Reads the newest snapshot, and the log behind it: what a page that is gone leads to, since its writer made newer ones. */
  #reload(): Promise<void> {
    return this.#alone(async () => {
      await this.#checkStands(this.#loaded.state);
      this.#loaded = await loadLog(this.store, this.identity, this.#identityBytes);
    });
  }

  /** Forgets the snapshot and reads the whole log: what a damaged page leads to. */
  reloadWithoutSnapshot(): Promise<void> {
    return this.#alone(async () => {
      await this.#checkStands(this.#loaded.state);
      const overlay = new Overlay();
      const state = await foldOn(this.store, this.identity, this.#identityBytes, undefined, overlay);
      if (state === undefined) throw tampered('the log is empty');
      await checkNoGap(this.store, state.seq + 1);
      this.#loaded = { state, overlay, pages: { certificates: [], serials: [], times: [], revoked: [], requests: [] } };
    });
  }

  /**
   * Asks the certificates something. Pages of a snapshot that is not the newest any more are looked for in the newest; a
   * snapshot that turns out damaged is replaced by the log itself.
   */
  async query<T>(question: (certificates: CertificateIndex) => Promise<T>): Promise<T> {
    for (const reload of [() => this.#reload(), () => this.reloadWithoutSnapshot()])
      try {
        return await question(this.certificates);
      } catch (error) {
        if (!(error instanceof PageMissing)) throw error;
        await reload();
      }
    return question(this.certificates);
  }

  /** After a new snapshot: read on from it, unless more was read since it was made. */
  rebase(loaded: Loaded): Promise<void> {
    return this.#alone(async () => {
      if (this.#loaded.state === loaded.state) this.#loaded = loaded;
    });
  }

  authority(id: string): Authority | undefined {
    return this.state.authorities.find((authority) => authority.id === id);
  }

  /** A CA's certificate. */
  authorityCertificate(id: string): Certificate {
    const authority = this.authority(id);
    if (authority === undefined) throw tampered(`the log has no authority ${id}`);
    const known = this.#decoded.get(authority.certificate);
    if (known !== undefined) return known;
    const certificate = parseCertificate(fromBase64(authority.certificate));
    this.#decoded.set(authority.certificate, certificate);
    return certificate;
  }

  /**
   * The one issuing CA that signs the certificates of nodes and clients now, by the phase of the rollover.
   * @throws ERR_STATE while the certificates of a foreign CA are still in force
   */
  get issuing(): Authority {
    const issuing = signingIssuer(this.state);
    if (issuing !== undefined) return issuing;
    if (this.state.rollover?.form !== 'foreign') throw tampered('the log has no issuing CA');
    if (!inProgress(this.state))
      throw new ClusterCaError('ERR_STATE', 'nothing is issued: the cluster rests on another CA', {
        hint: 'its takeover was taken back; cluster-ca rollover start --from-anchor FILE begins it again',
      });
    throw new ClusterCaError(
      'ERR_STATE',
      'nothing is issued yet: the certificates of the CA that is being replaced are still in force',
      { hint: 'cluster-ca rollover status says what stands in the way; cluster-ca rollover advance goes on' },
    );
  }

  /** Our newest issuing CA, whether it may sign certificates of nodes now or not: for limits, names and sizes. */
  get newestIssuing(): Authority {
    const issuing = newestIssuer(this.state);
    if (issuing === undefined) throw tampered('the log has no issuing CA');
    return issuing;
  }

  /** Stores a pack. @returns its hash */
  async storePack(certificates: PackedCertificate[]): Promise<string> {
    const bytes = encodePack(certificates);
    const sha256 = sha256Hex(bytes);
    await this.store.putObject(sha256, bytes);
    this.#stored = { sha256, certificates };
    return sha256;
  }

  /** The DER of a certificate, from its pack. */
  async der(row: CertificateRow): Promise<Uint8Array> {
    let kept = this.#packs.get(row.pack);
    if (kept === undefined) {
      this.#packs.add(row.pack, await readPack(this.store, row.pack, row.seq));
      kept = this.#packs.get(row.pack);
    }
    const der = kept?.(row.position);
    if (der === undefined) throw tampered(`objects/${row.pack} has no certificate ${row.position}`);
    return der;
  }

  /** Forgets the packs that were read: before work that needs none of them, and its memory itself. */
  forgetPacks(): void {
    this.#packs.clear();
  }

  /** The DER of an authority's current CRL. */
  async crl(authority: string): Promise<Uint8Array> {
    const find = () => this.state.crls.find((crl) => crl.authority === authority);
    const ref = find();
    if (ref === undefined) throw new ClusterCaError('ERR_NOT_FOUND', `there is no CRL of ${authority}`);
    try {
      return await readObject(this.store, ref.sha256, `the CRL of ${authority}`);
    } catch (error) {
      // A writer may have replaced it, and removed the old one, since the log was read.
      await this.refresh();
      const now = find();
      if (now === undefined || now.sha256 === ref.sha256) throw error;
      return readObject(this.store, now.sha256, `the CRL of ${authority}`);
    }
  }

  /**
   * Compares the log, as it was read, with a lower bound of it.
   * @throws ERR_KEYSTORE_ROLLED_BACK when the log is shorter or differs
   */
  async checkAnchor(anchor: Anchor, what: string, hint?: string): Promise<void> {
    // The bound may be of a record that a writer has made since the log was read.
    if (anchor.seq > this.state.seq) await this.refresh();
    const { seq, head } = this.state;
    if (anchor.seq > seq)
      throw rolledBack(`the keystore ends at record ${seq}, but ${what} has seen record ${anchor.seq}`, hint);
    const found = anchor.seq === seq ? head : await this.#hashOf(anchor.seq);
    if (found !== anchor.head) throw rolledBack(`log record ${anchor.seq} is not the one that ${what} has seen`, hint);
  }

  async #hashOf(seq: number): Promise<string> {
    const record = await this.store.readRecord(seq);
    if (record === undefined) throw tampered(`log record ${seq} is missing`);
    return recordHash(record);
  }

  /**
   * Compares the log with this user's anchor.
   * @returns why it could not be compared, in words; undefined when it was
   * @throws ERR_KEYSTORE_ROLLED_BACK; ERR_KEYSTORE_TAMPERED when the anchor is damaged
   */
  async checkRollback(): Promise<string | undefined> {
    const found = await findAnchor(this.options.anchors, this.identity.id);
    if (found.state === 'damaged') throw damagedAnchor(found);
    if (found.state === 'seen') await this.checkAnchor(found.anchor, "this user's anchor");
    return unwitnessed(found);
  }

  /**
   * Compares the log with `public/head`, which every writer leaves behind. One that is no head is found by `keystore check`.
   * @throws ERR_KEYSTORE_ROLLED_BACK
   */
  async checkPublicHead(): Promise<void> {
    const bytes = await this.store.readBlob('public', 'head');
    const head = bytes && parseHead(new TextDecoder().decode(bytes));
    if (head !== undefined) await this.checkAnchor(head, 'public/head', HEAD_HINT);
  }

  /** The file `KEYSTORE` as it is. */
  get identityBytes(): Uint8Array {
    return this.#identityBytes;
  }
}

async function absent(store: Store): Promise<ClusterCaError> {
  if ((await store.readRecord(0)) !== undefined || (await store.listBlobs('sealed')).length > 0)
    return tampered(`${store.location} is a keystore without its KEYSTORE file`);
  return new ClusterCaError('ERR_KEYSTORE_ABSENT', `there is no keystore at ${store.location}`, {
    hint: 'make one with: cluster-ca init CLUSTER, or name it with --keystore DIR',
  });
}
