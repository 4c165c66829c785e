import { readFileSync } from 'node:fs';
import { isMap, isNode, isScalar, LineCounter, type Node, type Pair, parseDocument, visit } from 'yaml';
import { ClusterCaError } from '../errors.ts';
import { errno } from '../keystore/directory/errors.ts';
import { type InventoryDocument, inventorySchema } from './schema.ts';

const MOST = 16 * 1024 * 1024;
/** Aliases resolved to at most this many nodes: more is a bomb. */
const MOST_ALIASES = 100;

/** A read inventory, and where in the file each of its parts stands. */
export interface Inventory {
  path: string;
  document: InventoryDocument;
  /** `cluster.yaml:12:5` of a part, named by the keys that lead to it. */
  at: (...path: (string | number)[]) => string;
}

/** Reads cluster.yaml. @throws ERR_CONFIG with line and column for whatever is not as the schema says */
export function readInventory(path: string): Inventory {
  let source: string;
  try {
    const bytes = readFileSync(path);
    if (bytes.length > MOST)
      throw new ClusterCaError('ERR_CONFIG', `the inventory ${path} is larger than ${MOST} bytes`);
    source = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    if (cause instanceof ClusterCaError) throw cause;
    const why =
      errno(cause) === 'ENOENT'
        ? 'does not exist'
        : errno(cause) === undefined
          ? 'is not UTF-8'
          : `cannot be read (${errno(cause)})`;
    throw new ClusterCaError('ERR_CONFIG', `the inventory ${path} ${why}`, { cause });
  }
  return parseInventory(source, path);
}

/** Parses the text of an inventory. @throws ERR_CONFIG */
export function parseInventory(source: string, path: string): Inventory {
  const lines = new LineCounter();
  const yaml = parseDocument(source, {
    schema: 'failsafe',
    lineCounter: lines,
    uniqueKeys: false,
    prettyErrors: false,
  });
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const [error] = yaml.errors;
  if (error !== undefined) throw bad(`${place(error.pos[0])}: ${plain(error.message)}`);
  refuseForeignTags(yaml.contents, place);
  refuseDuplicates(yaml.contents, place);
  let value: unknown;
  try {
    value = yaml.toJS({ maxAliasCount: MOST_ALIASES });
  } catch {
    throw bad(`${path}:1:1: its aliases stand for more than ${MOST_ALIASES} nodes`);
  }
  const at = (...keys: (string | number)[]): string => place(offsetOf(yaml.contents, keys));
  const parsed = inventorySchema.safeParse(emptyMaps(value));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const keys = (issue?.path ?? []) as (string | number)[];
    const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
    const where = at(...keys, ...(unknown === undefined ? [] : [unknown]));
    const name = [...keys, ...(unknown === undefined ? [] : [unknown])].join('.');
    throw bad(
      `${where}: ${unknown === undefined ? `${name || 'the file'}: ${plain(issue?.message ?? '')}` : `unknown key ${name}`}`,
    );
  }
  return { path, document: parsed.data, at };
}

/** A key without a value is an empty mapping where a mapping is wanted: `redis-1:` names a node with all defaults. */
function emptyMaps(value: unknown): unknown {
  const filled = (part: unknown): unknown => {
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(
      Object.entries(part).map(([key, inner]) => [key, inner === '' || inner === null ? {} : inner]),
    );
  };
  if (typeof value !== 'object' || value === null) return value === '' ? {} : value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [
      key,
      key === 'nodes' || key === 'clients'
        ? filled(part === '' || part === null ? {} : part)
        : key === 'defaults' && (part === '' || part === null)
          ? {}
          : part,
    ]),
  );
}

/** Only plain text, sequences and mappings: a tag would say that a value is something else. */
function refuseForeignTags(contents: Node | null, place: (offset: number) => string): void {
  if (contents === null) return;
  visit(contents, (_, node) => {
    if (
      isNode(node) &&
      'tag' in node &&
      typeof node.tag === 'string' &&
      !/^tag:yaml\.org,2002:(str|map|seq)$/.test(node.tag)
    )
      throw bad(`${place(node.range?.[0] ?? 0)}: tags are not understood here`);
  });
}

/** A key twice in one mapping. The parser's own check compares every key with every other. */
function refuseDuplicates(contents: Node | null, place: (offset: number) => string): void {
  if (contents === null) return;
  visit(contents, {
    Map(_, map) {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        const text = isScalar(key) ? String(key.value) : '';
        if (seen.has(text)) throw bad(`${place((key as Node).range?.[0] ?? 0)}: ${text} is there twice`);
        seen.add(text);
      }
    },
  });
}

/** Where the value (or, for the last key, the key itself) stands. */
function offsetOf(contents: Node | null, keys: readonly (string | number)[]): number {
  let node: unknown = contents;
  let offset = contents?.range?.[0] ?? 0;
  for (const key of keys) {
    if (isMap(node)) {
      const pair = node.items.find((item: Pair) => isScalar(item.key) && String(item.key.value) === String(key));
      if (pair === undefined) return offset;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (typeof node === 'object' && node !== null && 'items' in node && Array.isArray(node.items)) {
      node = node.items[Number(key)];
      offset = (isNode(node) ? node.range?.[0] : undefined) ?? offset;
    } else return offset;
  }
  return offset;
}

function plain(message: string): string {
  return (
    message
      .split('\n')[0]
      ?.replace(/\.$/, '')
      .replace(/^[A-Z]/, (c) => c.toLowerCase()) ?? ''
  );
}

function bad(message: string): ClusterCaError {
  return new ClusterCaError('ERR_CONFIG', message, { hint: 'see the inventory in cluster-ca issue --help' });
}
