import { createHash } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Call } from './preload.ts';

// A file system that loses at a power loss whatever was not made durable: of a file its content since its last fsync, of a
// directory the names since its own. It is driven by the storage calls of a real run. What SIGKILL leaves, which loses
// nothing, is one of its states too.

interface FileNode {
  kind: 'file';
  mode: number;
  content: Uint8Array;
  durable: Uint8Array;
}

interface DirectoryNode {
  kind: 'directory';
  mode: number;
  names: Map<string, Node>;
  durable: Map<string, Node>;
}

interface LinkNode {
  kind: 'link';
  to: string;
}

type Node = FileNode | DirectoryNode | LinkNode;

/** What is lost of what was not made durable; `nothing` after SIGKILL. */
export type Loss = 'everything' | 'content' | 'names' | 'nothing';

const keepsNames = (loss: Loss): boolean => loss === 'content' || loss === 'nothing';
const keepsContent = (loss: Loss): boolean => loss === 'names' || loss === 'nothing';

export class DiskModel {
  readonly #place: string;
  readonly #root: DirectoryNode;

  /** What is below a directory now is all durable. */
  constructor(place: string) {
    this.#place = place;
    this.#root = load(place) as DirectoryNode;
  }

  /** One call, as it was made. One that failed (a name that was taken, or was not there) changes nothing. */
  apply({ name, path, from, data }: Call): void {
    switch (name) {
      case 'open':
      case 'open-empty': {
        const node = this.#find(path);
        if (node === undefined) this.#put(path, file(new Uint8Array(0), modeOf(from)));
        else if (node.kind === 'file' && name === 'open-empty') node.content = new Uint8Array(0);
        break;
      }
      case 'write':
      case 'pwrite':
      case 'writev':
      case 'pwritev': {
        const node = this.#find(path);
        if (node?.kind === 'file' && data !== undefined) node.content = new Uint8Array([...node.content, ...data]);
        break;
      }
      case 'fsync':
      case 'fdatasync':
        this.#sync(path);
        break;
      case 'mkdir':
        if (this.#find(path) === undefined)
          this.#put(path, { kind: 'directory', mode: modeOf(from), names: new Map(), durable: new Map() });
        break;
      case 'symlink':
        if (this.#find(path) === undefined) this.#put(path, { kind: 'link', to: from ?? '' });
        break;
      case 'link': {
        const node = this.#find(from ?? '');
        if (node !== undefined && this.#find(path) === undefined) this.#put(path, node);
        break;
      }
      case 'rename': {
        const node = this.#find(from ?? '');
        if (node === undefined) break;
        this.#parent(from ?? '')?.names.delete(basename(from ?? ''));
        this.#put(path, node);
        break;
      }
      case 'unlink':
      case 'rmdir':
        this.#parent(path)?.names.delete(basename(path));
        break;
      case 'fchmod':
      case 'chmod': {
        const node = this.#find(path);
        if (node !== undefined && node.kind !== 'link') node.mode = Number.parseInt(from ?? '', 8);
        break;
      }
      case 'utimensat':
      case 'fchown':
      // Its name is chosen within the call; what is made in it falls away, and it is gone in the end.
      case 'mkdtemp':
        break;
      default:
        throw new Error(`the model knows no ${name}`);
    }
  }

  /** What is on the disk when the power comes back, written where it was. */
  restore(loss: Loss): void {
    for (const name of readdirSync(this.#place)) rmSync(join(this.#place, name), { recursive: true, force: true });
    write(this.#place, this.#root, loss);
  }

  /** A text that is the same for the same names, modes and contents: of what would be written after a loss. */
  digest(loss: Loss): string {
    const hash = createHash('sha256');
    const add = (node: DirectoryNode, inside: string): void => {
      for (const [name, child] of [...namesOf(node, loss)].sort(([a], [b]) => (a < b ? -1 : 1))) {
        hash.update(`${inside}/${name}\0${child.kind === 'link' ? child.to : child.mode}\0`);
        if (child.kind === 'file') hash.update(`${contentOf(child, loss).length}\0`).update(contentOf(child, loss));
        else if (child.kind === 'directory') add(child, `${inside}/${name}`);
      }
    };
    add(this.#root, '');
    return hash.digest('hex');
  }

  #sync(path: string): void {
    const node = this.#find(path);
    if (node?.kind === 'file') node.durable = node.content;
    else if (node?.kind === 'directory') node.durable = new Map(node.names);
  }

  #put(path: string, node: Node): void {
    this.#parent(path)?.names.set(basename(path), node);
  }

  #parent(path: string): DirectoryNode | undefined {
    const node = this.#find(dirname(path));
    return node?.kind === 'directory' ? node : undefined;
  }

  #find(path: string): Node | undefined {
    if (path === this.#place) return this.#root;
    let node: Node | undefined = this.#root;
    for (const part of path.slice(this.#place.length + 1).split('/')) {
      if (node?.kind !== 'directory') return undefined;
      node = node.names.get(part);
    }
    return node;
  }
}

const file = (content = new Uint8Array(0), mode = 0o600): FileNode => ({
  kind: 'file',
  mode,
  content,
  durable: content,
});

/** The mode of something new, in octal, less what a process takes away from it. */
const modeOf = (octal = '600'): number => Number.parseInt(octal, 8) & ~process.umask();

const namesOf = ({ names, durable }: DirectoryNode, loss: Loss): Map<string, Node> =>
  keepsNames(loss) ? names : durable;
const contentOf = ({ content, durable }: FileNode, loss: Loss): Uint8Array => (keepsContent(loss) ? content : durable);

function load(path: string): Node {
  const status = lstatSync(path);
  if (status.isSymbolicLink()) return { kind: 'link', to: readlinkSync(path) };
  const mode = status.mode & 0o777;
  if (!status.isDirectory()) return file(new Uint8Array(readFileSync(path)), mode);
  const names = new Map(readdirSync(path).map((name): [string, Node] => [name, load(join(path, name))]));
  return { kind: 'directory', mode, names, durable: new Map(names) };
}

function write(path: string, node: DirectoryNode, loss: Loss): void {
  for (const [name, child] of namesOf(node, loss)) {
    const inside = join(path, name);
    if (child.kind === 'link') symlinkSync(child.to, inside);
    else if (child.kind === 'file') {
      writeFileSync(inside, contentOf(child, loss), { mode: child.mode });
      if ((child.mode & 0o077) !== 0) chmodSync(inside, child.mode);
    } else {
      mkdirSync(inside, { mode: child.mode });
      chmodSync(inside, child.mode);
      write(inside, child, loss);
    }
  }
}
