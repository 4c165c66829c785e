import { chmodSync, chownSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Content, entryLength, type TarEntry } from '../../archive/tar.ts';
import { errno } from '../../keystore/directory/errors.ts';
import { pemLength, pemOctets, putPem } from '../../pki/pem.ts';
import { FILES, type FileAccess, holderDirectory } from '../../placement/place.ts';
import { temporaryName } from '../../placement/temporary-name.ts';

/** To whom a certificate belongs, as far as its files' places go. */
export interface Holding {
  kind: 'node' | 'client';
  name: string;
  plane: string;
}

/** What all files of a run share. */
export interface OutputShared {
  /** PEM of the CAs' certificates that follow the end-entity's. */
  issuing: Uint8Array;
  /** PEM as well. */
  trustBundle: Uint8Array;
  access: FileAccess;
  /** Modification time in an archive, seconds since 1970. */
  seconds: number;
}

/** The relative directory of a holder's files: `redis-1/data`, `clients/app`. */
export function relativeDirectory(holding: Holding): string {
  return holding.kind === 'node' ? `${holding.name}/${holding.plane}` : `clients/${holding.name}`;
}

/** PKCS#8 as a file has it. */
class KeyFile implements Content {
  readonly length: number;
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
    this.length = pemLength('PRIVATE KEY', key.length);
  }

  put(out: Uint8Array, at: number): void {
    putPem(out, at, 'PRIVATE KEY', this.#key);
  }
}

/** A certificate and its issuer's as a file has them. */
class ChainFile implements Content {
  readonly length: number;
  readonly #der: Uint8Array;
  readonly #issuing: Uint8Array;

  constructor(der: Uint8Array, issuing: Uint8Array) {
    this.#der = der;
    this.#issuing = issuing;
    this.length = pemLength('CERTIFICATE', der.length) + issuing.length;
  }

  put(out: Uint8Array, at: number): void {
    out.set(this.#issuing, putPem(out, at, 'CERTIFICATE', this.#der));
  }

  get octets(): Uint8Array {
    const out = new Uint8Array(this.length);
    this.put(out, 0);
    return out;
  }
}

/** The private keys of a slice as archive entries: what is staged before the commit. */
export function keyEntries(
  holdings: readonly Holding[],
  keys: readonly (Uint8Array | undefined)[],
  { access }: OutputShared,
): TarEntry[] {
  const entries: TarEntry[] = [];
  for (const [i, key] of keys.entries())
    if (key !== undefined)
      entries.push({
        path: `${relativeDirectory(holdings[i] as Holding)}/${FILES.key}`,
        mode: access.keyMode,
        content: new KeyFile(key),
      });
  return entries;
}

/** The certificates and trust bundles of a slice as archive entries: what follows the keys after the commit. */
export function certificateEntries(
  holdings: readonly Holding[],
  ders: readonly Uint8Array[],
  { issuing, trustBundle }: OutputShared,
): TarEntry[] {
  return ders.flatMap((der, i): TarEntry[] => {
    const directory = relativeDirectory(holdings[i] as Holding);
    return [
      { path: `${directory}/${FILES.trustBundle}`, mode: 0o644, content: trustBundle },
      { path: `${directory}/${FILES.certificate}`, mode: 0o644, content: new ChainFile(der, issuing) },
    ];
  });
}

/** Octets of both kinds of entries of a slice. */
export interface EntryOctets {
  keys: number;
  certificates: number;
}

export function entryOctets(
  ders: readonly Uint8Array[],
  keys: readonly (Uint8Array | undefined)[],
  { issuing, trustBundle }: OutputShared,
): EntryOctets {
  let octets = 0;
  for (const key of keys) if (key !== undefined) octets += entryLength(pemLength('PRIVATE KEY', key.length));
  let certificates = ders.length * entryLength(trustBundle.length);
  for (const { length } of ders) certificates += entryLength(pemLength('CERTIFICATE', length) + issuing.length);
  return { keys: octets, certificates };
}

/**
 * Writes the files of a slice below `out`: each under a temporary name, then renamed in the order trust bundle, key,
 * certificate. Nothing is made durable yet.
 * @returns for the items whose files could not be written, why
 */
export function writeSlice(
  out: string,
  holdings: readonly Holding[],
  ders: readonly Uint8Array[],
  keys: readonly (Uint8Array | undefined)[],
  shared: OutputShared,
): { index: number; path: string; errno: string }[] {
  const failed: { index: number; path: string; errno: string }[] = [];
  for (const [index, holding] of holdings.entries()) {
    const directory = holderDirectory(out, holding);
    try {
      mkdirSync(directory, { recursive: true, mode: 0o755 });
      const key = keys[index];
      putFile(directory, FILES.trustBundle, shared.trustBundle, 0o644, shared);
      if (key !== undefined) putKey(directory, key, shared);
      const { octets } = new ChainFile(ders[index] as Uint8Array, shared.issuing);
      putFile(directory, FILES.certificate, octets, 0o644, shared);
    } catch (error) {
      failed.push({ index, path: directory, errno: errno(error) ?? String(error) });
    }
  }
  return failed;
}

function putKey(directory: string, key: Uint8Array, shared: OutputShared): void {
  const pem = pemOctets('PRIVATE KEY', key);
  try {
    putFile(directory, FILES.key, pem, shared.access.keyMode, shared);
  } finally {
    pem.fill(0);
  }
}

function putFile(directory: string, name: string, content: Uint8Array, mode: number, { access }: OutputShared): void {
  const temporary = join(directory, temporaryName(name));
  writeFileSync(temporary, content, { mode });
  chmodSync(temporary, mode);
  if (access.owner !== undefined) chownSync(temporary, access.owner.uid, access.owner.gid);
  renameSync(temporary, join(directory, name));
}
