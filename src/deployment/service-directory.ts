import { join } from 'node:path/posix';
import { randomBytes } from '../crypto/hash.ts';
import { ClusterCaError } from '../errors.ts';
import type { Entry, Host, NewFile } from '../hosts/host.ts';
import { toHex } from '../pki/encoding.ts';
import type { ServiceFiles } from '../targets/target.ts';

/** The names that a service's configuration has, in the order in which plain files are replaced by links. */
export const NAMES = ['key.pem', 'ca.pem', 'crl.pem', 'combined.pem', 'cert.pem'] as const;
export type Name = (typeof NAMES)[number];

const CURRENT = '.cluster-ca.current';
const GENERATION = /^\.cluster-ca\.\d{8}T\d{9}Z-[0-9a-f]{8}$/;
const TEMPORARY = /^\.cluster-ca\.link-/;

/** What stands in a service's directory. */
export interface DirectoryState {
  /** The generation that is current; undefined when there is none. */
  current: string | undefined;
  /** Every generation, the oldest first. */
  generations: string[];
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
    const current = names.includes(CURRENT) ? (await this.host.look(join(this.path, CURRENT)))?.target : undefined;
    return { current, generations: names.filter((name) => GENERATION.test(name)).sort(), entries };
  }

  /** A file's content, through whatever links, or in a generation; undefined when there is none. */
  read(name: Name, generation = '.'): Promise<Uint8Array | undefined> {
    return this.host.read(join(this.path, generation, name));
  }

  /**
   * Makes the plain files that stand here a generation of their own, and the names links to it: what a reader sees
   * stays the same at every moment. Nothing is done where there are none.
   * @returns the current generation, if there is one
   */
  async adopt(state: DirectoryState): Promise<string | undefined> {
    const plain = NAMES.filter((name) => !this.#isOurs(state.entries.get(name)) && state.entries.has(name));
    const odd = plain.find((name) => !['file', 'link'].includes(state.entries.get(name)?.type ?? ''));
    if (odd !== undefined)
      throw new ClusterCaError('ERR_STATE', `${join(this.path, odd)} on ${this.host.label} is no file`, {
        hint: 'move it away: a file or a link is wanted there',
      });
    if (plain.length === 0) return state.current;
    const files: NewFile[] = [];
    for (const name of NAMES) {
      const content = await this.read(name);
      if (content === undefined) continue;
      const entry = await this.#target(name, state);
      files.push({ name, content, mode: entry.mode });
    }
    const owner = await this.ownerOf(state);
    const generation = await this.#make(files, owner);
    for (const { content } of files) content.fill(0);
    await this.#link(plain.filter((name) => files.some((file) => file.name === name)));
    return generation;
  }

  /**
   * Puts a new set into place, in one step for all that are links already.
   * @returns its generation
   */
  async place(files: readonly NewFile[], owner: string | undefined, state: DirectoryState): Promise<string> {
    const generation = await this.#make(files, owner);
    const missing = NAMES.filter(
      (name) => files.some((file) => file.name === name) && !this.#isOurs(state.entries.get(name)),
    );
    await this.#link(missing);
    return generation;
  }

  /** Makes a generation current again. */
  async putBack(generation: string): Promise<void> {
    await this.host.pointTo(join(this.path, CURRENT), generation);
  }

  /** Removes every generation but one, and what killed runs left. */
  async prune(keep: string): Promise<void> {
    for (const name of await this.host.list(this.path))
      if (name !== keep && (GENERATION.test(name) || TEMPORARY.test(name)))
        await this.host.remove(join(this.path, name));
  }

  /** Who owns the key, or else the directory: `uid:gid`. Undefined when neither is there. */
  async ownerOf(state: DirectoryState): Promise<string | undefined> {
    const entry = state.entries.has('key.pem') ? await this.#target('key.pem', state) : await this.host.look(this.path);
    return entry === undefined ? undefined : `${entry.uid}:${entry.gid}`;
  }

  /** The permission bits of the key; undefined when there is none. */
  async keyMode(state: DirectoryState): Promise<number | undefined> {
    return state.entries.has('key.pem') ? (await this.#target('key.pem', state)).mode : undefined;
  }

  /** What a name leads to. */
  async #target(name: Name, state: DirectoryState): Promise<Entry> {
    const own = state.entries.get(name) as Entry;
    if (own.type !== 'link') return own;
    const path = this.#isOurs(own) && state.current !== undefined ? join(this.path, state.current, name) : own.target;
    const absolute = path === undefined || path.startsWith('/') ? path : join(this.path, path);
    return (absolute === undefined ? undefined : await this.host.look(absolute)) ?? { ...own, mode: 0o600 };
  }

  async #make(files: readonly NewFile[], owner: string | undefined): Promise<string> {
    const time = new Date().toISOString().replace(/[-:.]/g, '');
    const generation = `.cluster-ca.${time}-${toHex(randomBytes(4))}`;
    await this.host.makeSet(join(this.path, generation), files, owner);
    await this.host.pointTo(join(this.path, CURRENT), generation);
    return generation;
  }

  async #link(names: readonly Name[]): Promise<void> {
    for (const name of names) await this.host.pointTo(join(this.path, name), `${CURRENT}/${name}`);
  }

  #isOurs(entry: Entry | undefined): boolean {
    return entry?.type === 'link' && entry.target?.startsWith(`${CURRENT}/`) === true;
  }
}

/** When a generation was made: its name says so. */
export function timeOf(generation: string): Date | undefined {
  const match = /(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z/.exec(generation);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, millisecond] = match;
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}.${millisecond}Z`);
}
