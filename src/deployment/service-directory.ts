import { join } from 'node:path/posix';
import { randomBytes, sha256Hex } from '../crypto/hash.ts';
import { ClusterCaError } from '../errors.ts';
import type { Entry, Host, NewFile } from '../hosts/host.ts';
import { toHex } from '../pki/encoding.ts';
import { decodePem } from '../pki/pem.ts';
import type { ServiceFiles } from '../targets/target.ts';

/** The names that a service's configuration has, in the order in which plain files are replaced by links. */
export const NAMES = ['key.pem', 'ca.pem', 'crl.pem', 'combined.pem', 'cert.pem'] as const;
export type Name = (typeof NAMES)[number];

const CURRENT = '.cluster-ca.current';
const GENERATION = /^\.cluster-ca\.\d{8}T\d{9}Z-[0-9a-f]{8}$/;
/** Certificate and key of a CA that is being taken over: to be put back, should it be taken back. */
const BEFORE = '.cluster-ca.before';
/** A link on its way into place, and the right to remove a claim (lock.ts). */
const TEMPORARY = /^\.cluster-ca\.(link-|deploying\.)/;
/** The last file of a generation to be made and the first to go: with it, the others are whole. */
const WHOLE = '.whole';
/** Links that lead to links: as many as Linux follows. */
const MOST_LINKS = 40;

/** What stands in a service's directory. */
export interface DirectoryState {
  /** The generation that is current; undefined when there is none. */
  current: string | undefined;
  /** Every whole generation, the oldest first. */
  generations: string[];
  /** What killed runs left: generations half made or half removed, and what was not put into place; and what was kept. */
  leftovers: string[];
  /** What each name is; absent when nothing is there. */
  entries: Map<Name, Entry>;
}

/**
 * A service's directory: `.cluster-ca.<generation>/` with a whole set of files, `.cluster-ca.current` pointing to one,
 * and the names of the configuration as fixed links through it. A set is swapped by one rename; a server that reads
 * two of its files meets the swap between them at worst.
 */
export class ServiceDirectory {
  readonly host: Host;
  readonly path: string;

  constructor(host: Host, path: string) {
    this.host = host;
    this.path = path;
  }

  /** Where the files are, as the configuration names them. */
  get files(): ServiceFiles {
    const at = (name: Name): string => join(this.path, name);
    return {
      certificate: at('cert.pem'),
      key: at('key.pem'),
      trustBundle: at('ca.pem'),
      crl: at('crl.pem'),
      combined: at('combined.pem'),
    };
  }

  async look(): Promise<DirectoryState> {
    const names = await this.host.list(this.path);
    const entries = new Map<Name, Entry>();
    for (const name of NAMES) {
      const entry = names.includes(name) ? await this.host.look(join(this.path, name)) : undefined;
      if (entry !== undefined) entries.set(name, entry);
    }
    const generations: string[] = [];
    const leftovers = names.filter((name) => TEMPORARY.test(name) || name === BEFORE);
    for (const name of names.filter(isGeneration).sort()) {
      const isWhole = (await this.host.look(join(this.path, name, WHOLE))) !== undefined;
      (isWhole ? generations : leftovers).push(name);
    }
    const target = names.includes(CURRENT) ? (await this.host.look(join(this.path, CURRENT)))?.target : undefined;
    const current = generations.find((name) => name === target);
    return { current, generations, leftovers, entries };
  }

  /** A file's content, through whatever links, or in a generation; undefined when there is none. */
  read(name: Name, generation = '.'): Promise<Uint8Array | undefined> {
    return this.host.read(join(this.path, generation, name));
  }

  /** SHA-256 of the certificate of the current set, or of a generation's; undefined when there is none that can be read. */
  async fingerprint(generation = '.'): Promise<string | undefined> {
    const pem = (await this.read('cert.pem', generation)) ?? (await this.read('combined.pem', generation));
    try {
      const block = decodePem(pem ?? '').find(({ label }) => label === 'CERTIFICATE');
      return block === undefined ? undefined : sha256Hex(block.bytes);
    } catch {
      return undefined;
    }
  }

  /**
   * Makes the plain files that stand here a generation of their own, and the names links to it: what a reader sees
   * stays the same at every moment. Nothing is done where there are none.
   * @param names what a new set will have: other files are the operator's, and are left alone
   * @returns the current generation, if there is one
   */
  async adopt(state: DirectoryState, names: readonly Name[] = NAMES): Promise<string | undefined> {
    const plain = names.filter((name) => state.entries.has(name) && !isOurs(state, name));
    const odd = plain.find((name) => !['file', 'link'].includes(state.entries.get(name)?.type ?? ''));
    if (odd !== undefined)
      throw new ClusterCaError('ERR_STATE', `${join(this.path, odd)} on ${this.host.label} is no file`, {
        hint: 'move it away: a file or a link is wanted there',
      });
    if (plain.length === 0) return state.current;
    const owner = await this.ownerOf();
    const files: NewFile[] = [];
    try {
      for (const name of NAMES) {
        const content = plain.includes(name) || isOurs(state, name) ? await this.#readFor(owner, name) : undefined;
        if (content === undefined) continue;
        files.push({ name, content, mode: (await this.#file(name))?.mode ?? 0o600 });
      }
      const generation = await this.#make(files, owner);
      await this.#point(generation);
      for (const name of plain) if (files.some((file) => file.name === name)) await this.#link(name);
      return generation;
    } finally {
      for (const { content } of files) content.fill(0);
    }
  }

  /**
   * Puts a new set into place, in one step: what was not there before appears with it.
   * @returns its generation
   */
  async place(files: readonly NewFile[], owner: string | undefined, state: DirectoryState): Promise<string> {
    const generation = await this.#make(files, owner);
    const missing = NAMES.filter((name) => files.some((file) => file.name === name) && !isOurs(state, name));
    try {
      for (const name of missing) await this.#link(name);
      await this.#point(generation);
      return generation;
    } catch (error) {
      await this.#undo(generation, missing).catch(() => {});
      throw error;
    }
  }

  /** Keeps the certificate and key that stand here aside, unless some are kept already. */
  async keepAside(): Promise<void> {
    if ((await this.host.look(join(this.path, BEFORE))) !== undefined) return;
    const owner = await this.ownerOf();
    const certificate = await this.#readFor(owner, 'cert.pem');
    const key = await this.#readFor(owner, 'key.pem');
    if (certificate === undefined || key === undefined) return;
    try {
      const files = [
        { name: 'cert.pem', content: certificate, mode: 0o644 },
        { name: 'key.pem', content: key, mode: 0o600 },
      ];
      await this.host.makeSet(join(this.path, BEFORE), files, owner);
    } finally {
      key.fill(0);
    }
  }

  /** What was kept aside; undefined when nothing was. The caller zeroes the key. */
  async keptAside(): Promise<{ certificate: Uint8Array; key: Uint8Array } | undefined> {
    const [certificate, key] = [await this.read('cert.pem', BEFORE), await this.read('key.pem', BEFORE)];
    return certificate === undefined || key === undefined ? undefined : { certificate, key };
  }

  /** Makes a generation current again. */
  async putBack(generation: string): Promise<void> {
    await this.#point(generation);
  }

  /**
   * Removes every generation but these, what killed runs left, and names that lead to nothing any more.
   * @param aside what was kept aside stays, too
   */
  async prune(keep: readonly string[], aside: boolean): Promise<void> {
    const { generations, leftovers, entries } = await this.look();
    for (const name of [...leftovers, ...generations])
      if (!keep.includes(name) && !(aside && name === BEFORE)) await this.#remove(name);
    for (const name of entries.keys())
      if (isOurs({ entries }, name) && (await this.read(name)) === undefined)
        await this.host.remove(join(this.path, name));
  }

  /** Who owns the key, or else the directory: `uid:gid`. Undefined when neither is there. */
  async ownerOf(): Promise<string | undefined> {
    // With the dot, what a link to the directory leads to is looked at.
    const entry = (await this.#file('key.pem')) ?? (await this.host.look(`${this.path}/.`));
    return entry === undefined ? undefined : `${entry.uid}:${entry.gid}`;
  }

  /** The permission bits of the key; undefined when there is none. */
  async keyMode(): Promise<number | undefined> {
    return (await this.#file('key.pem'))?.mode;
  }

  /** The same as {@link read}, of what is copied for the owner of a set: who owns the directory may have made a link. */
  #readFor(owner: string | undefined, name: Name): Promise<Uint8Array | undefined> {
    const [uid, gid] = (owner ?? '').split(':').map(Number);
    const reader = uid === undefined || gid === undefined ? undefined : { uid, gid };
    return this.host.read(join(this.path, name), reader);
  }

  /** What a name leads to, through as many links as there are; undefined when that is nothing. */
  async #file(name: Name): Promise<Entry | undefined> {
    let path = `${this.path}/${name}`;
    for (let links = 0; links < MOST_LINKS; links++) {
      const entry = await this.host.look(path);
      if (entry?.target === undefined) return entry;
      // Not normalized: what is before a `..` may be a link itself.
      path = entry.target.startsWith('/') ? entry.target : `${path.slice(0, path.lastIndexOf('/'))}/${entry.target}`;
    }
    return undefined;
  }

  async #make(files: readonly NewFile[], owner: string | undefined): Promise<string> {
    const time = new Date().toISOString().replace(/[-:.]/g, '');
    const generation = `.cluster-ca.${time}-${toHex(randomBytes(4))}`;
    const whole: NewFile = { name: WHOLE, content: new Uint8Array(), mode: 0o644 };
    await this.host.makeSet(join(this.path, generation), [...files, whole], owner);
    return generation;
  }

  /** Takes back what has not become current. */
  async #undo(generation: string, links: readonly Name[]): Promise<void> {
    if ((await this.look()).current === generation) return;
    await this.#remove(generation);
    for (const name of links) {
      const { entries } = await this.look();
      if (isOurs({ entries }, name) && (await this.read(name)) === undefined)
        await this.host.remove(join(this.path, name));
    }
  }

  async #remove(name: string): Promise<void> {
    if (isGeneration(name)) await this.host.remove(join(this.path, name, WHOLE));
    await this.host.remove(join(this.path, name));
  }

  async #point(generation: string): Promise<void> {
    await this.host.pointTo(join(this.path, CURRENT), generation);
  }

  async #link(name: Name): Promise<void> {
    await this.host.pointTo(join(this.path, name), `${CURRENT}/${name}`);
  }
}

/** Whether a name is a generation's, whole or half. */
export function isGeneration(name: string): boolean {
  return GENERATION.test(name);
}

/** Whether a name is one of our links. */
export function isOurs({ entries }: Pick<DirectoryState, 'entries'>, name: Name): boolean {
  const entry = entries.get(name);
  return entry?.type === 'link' && entry.target === `${CURRENT}/${name}`;
}

/** When a generation was made: its name says so. */
export function timeOf(generation: string): Date | undefined {
  const match = /(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z/.exec(generation);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, millisecond] = match;
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}.${millisecond}Z`);
}
