/** Outcome of an append: `appended` is durable; `lost` means that another record took the number. */
export type AppendOutcome = 'appended' | 'lost';

/** The families of small named values. `snapshot` may vanish at any time, the others only by `deleteBlob`. */
export type BlobFamily = 'slots' | 'sealed' | 'snapshot' | 'public';

/**
 * Where a keystore lives. The directory is one adapter; a key-value store with put-if-absent can be another. A
 * value may be split by an adapter whose backend wants it below 512 KiB. Every method may throw ClusterCaError
 * ERR_STORAGE; reading methods return undefined for what is not there.
 *
 * Safety rests on `append`: it succeeds for one writer a number, ever, and a record is never removed. Whatever
 * returns from `append`, `putObject`, `createBlob` or `replaceBlob` without an error is durable.
 */
export interface Store {
  /** Shown to people: the place. */
  readonly location: string;
  /** The immutable first value, written once by `init`. */
  readIdentity(): Promise<Uint8Array | undefined>;

  readRecord(seq: number): Promise<Uint8Array | undefined>;
  /** The highest number that a record has, whether or not those before it are there. For checks: it may list all. */
  lastRecord(): Promise<number | undefined>;
  /** Compare and append: only when no record has this number. An equal record already there is a success. */
  append(seq: number, bytes: Uint8Array): Promise<AppendOutcome>;
  /** Makes a record that somebody else wrote durable, before anything is built on it. */
  makeDurable(seq: number): Promise<void>;

  /** Stores immutable content under its SHA-256. */
  putObject(sha256: string, bytes: Uint8Array): Promise<void>;
  /** The content, not yet compared with its hash. */
  getObject(sha256: string): Promise<Uint8Array | undefined>;
  deleteObject(sha256: string): Promise<void>;

  readBlob(family: BlobFamily, name: string): Promise<Uint8Array | undefined>;
  /** Fails with ERR_EXISTS when the name is taken by other content. */
  createBlob(family: BlobFamily, name: string, bytes: Uint8Array): Promise<void>;
  /** Replaces what has the hash `expected` (undefined: is absent); false when it has another by now. */
  replaceBlob(family: BlobFamily, name: string, expected: string | undefined, bytes: Uint8Array): Promise<boolean>;
  listBlobs(family: BlobFamily): Promise<string[]>;
  deleteBlob(family: BlobFamily, name: string): Promise<void>;

  /**
   * Waits for this process's turn among the writers. It saves retries; safety does not rest on it.
   * @param wait milliseconds, then ERR_KEYSTORE_BUSY
   * @returns how to give the turn back
   */
  takeTurn(wait: number): Promise<() => Promise<void>>;
  /**
   * Says that a daemon works on this keystore, so that commands beside it know whether to wait for one.
   * @returns how to say that it does no more
   */
  announceServing(): Promise<() => Promise<void>>;
  /** Whether a daemon says so now. It carries nothing but patience: one may end, or begin, a moment later. */
  isServing(): Promise<boolean>;
  /** Refuses permissions that give the keys away. @throws ERR_KEYSTORE_PERMISSIONS */
  checkPermissions(): Promise<void>;
  /** Refuses a place where this store's promises don't hold. @throws ERR_STORAGE */
  checkWritable(): Promise<void>;
  /** Keeps this many octets free for a revocation on a full disk; a store without a disk ignores it. */
  holdRoom(bytes: number): Promise<void>;
  /** Gives that room back, for a revocation that found the disk full. True when there was some. */
  releaseRoom(): Promise<boolean>;
}
