import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Call } from './preload.ts';

// A file system that loses at a power loss whatever was not made durable: of a file its content since its last fsync, of a
// directory the names since its own. It is driven by the storage calls of a real run.

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

type Node = FileNode | DirectoryNode;

/** What is lost of what was not made durable. */
export type Loss = 'everything' | 'content' | 'names';

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
        if (this.#find(path) === undefined) this.#put(path, file());
        break;
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
          this.#put(path, { kind: 'directory', mode: 0o700, names: new Map(), durable: new Map() });
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
      case 'chmod':
      case 'utimensat':
      case 'fchown':
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

  #sync(path: string): void {
    const node = this.#find(path);
    if (node?.kind === 'file') node.durable = node.content;
    else if (node !== undefined) node.durable = new Map(node.names);
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

function load(path: string): Node {
  const { mode } = statSync(path);
  if (!statSync(path).isDirectory()) return file(new Uint8Array(readFileSync(path)), mode & 0o777);
  const names = new Map(readdirSync(path).map((name): [string, Node] => [name, load(join(path, name))]));
  return { kind: 'directory', mode: mode & 0o777, names, durable: new Map(names) };
}

function write(path: string, node: DirectoryNode, loss: Loss): void {
  for (const [name, child] of loss === 'content' ? node.names : node.durable) {
    const inside = join(path, name);
    if (child.kind === 'file')
      writeFileSync(inside, loss === 'names' ? child.content : child.durable, { mode: child.mode });
    else {
      mkdirSync(inside, { mode: child.mode });
      chmodSync(inside, child.mode);
      write(inside, child, loss);
    }
  }
}
