import { isMap, isNode, isScalar, LineCounter, type Node, type Pair, parseDocument, visit } from 'yaml';
import { ClusterCaError } from '../errors.ts';

/** Aliases resolved to at most this many nodes: more is a bomb. */
const MOST_ALIASES = 100;

/** A parsed file: what it says, every scalar a string, and where. */
export interface YamlDocument {
  value: unknown;
  /** `cluster.yaml:12:5` of a part, named by the keys that lead to it. */
  at: (...path: (string | number)[]) => string;
}

/** Parses the text of an inventory with a whole YAML parser. @throws ERR_CONFIG with line and column for what is no YAML, a tag, a key twice */
export function readYaml(source: string, path: string): YamlDocument {
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
  if (error !== undefined) throw badInventory(`${place(error.pos[0])}: ${plainMessage(error.message)}`);
  refuseForeignTags(yaml.contents, place);
  refuseDuplicates(yaml.contents, place);
  const at = (...keys: (string | number)[]): string => place(offsetOf(yaml.contents, keys));
  try {
    return { value: yaml.toJS({ maxAliasCount: MOST_ALIASES }), at };
  } catch {
    throw badInventory(`${path}:1:1: its aliases stand for more than ${MOST_ALIASES} nodes`);
  }
}

/** The first line of a library's message, as our messages begin and end. */
export function plainMessage(message: string): string {
  return (
    message
      .split('\n')[0]
      ?.replace(/\.$/, '')
      .replace(/^[A-Z]/, (c) => c.toLowerCase()) ?? ''
  );
}

/** The error of an inventory that cannot be taken. */
export function badInventory(message: string): ClusterCaError {
  return new ClusterCaError('ERR_CONFIG', message, {
    hint: 'cluster-ca issue --inventory-schema prints what may stand there',
  });
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
      throw badInventory(`${place(node.range?.[0] ?? 0)}: tags are not understood here`);
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
        if (seen.has(text)) throw badInventory(`${place((key as Node).range?.[0] ?? 0)}: ${text} is there twice`);
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
