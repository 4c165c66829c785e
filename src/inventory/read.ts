import { readFileSync } from 'node:fs';
import type * as z from 'zod';
import { ClusterCaError } from '../errors.ts';
import { errno } from '../keystore/directory/errors.ts';
import { readPlain } from './plain.ts';
import { type InventoryDocument, inventorySchema } from './schema.ts';
import { badInventory, plainMessage, readYaml, type YamlDocument } from './yaml-document.ts';

const MOST = 16 * 1024 * 1024;

/** A read inventory, and where in the file each of its parts stands. */
export interface Inventory {
  path: string;
  document: InventoryDocument;
  /** `cluster.yaml:12:5` of a part, named by the keys that lead to it. */
  at: (...path: (string | number)[]) => string;
}

/** Reads cluster.yaml. @throws ERR_CONFIG with line and column for whatever is not as the schema says */
export function readInventory(path: string): Inventory {
  return parseInventory(readText(path, 'inventory'), path);
}

/** The text of a YAML file. @param what it is, for messages @throws ERR_CONFIG */
export function readText(path: string, what: string): string {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > MOST) throw new ClusterCaError('ERR_CONFIG', `the ${what} ${path} is larger than ${MOST} bytes`);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    if (cause instanceof ClusterCaError) throw cause;
    const why =
      errno(cause) === 'ENOENT'
        ? 'does not exist'
        : errno(cause) === undefined
          ? 'is not UTF-8'
          : `cannot be read (${errno(cause)})`;
    throw new ClusterCaError('ERR_CONFIG', `the ${what} ${path} ${why}`, { cause });
  }
}

/** Parses the text of an inventory. @throws ERR_CONFIG */
export function parseInventory(source: string, path: string): Inventory {
  let yaml: YamlDocument | undefined;
  const whole = (): YamlDocument => {
    yaml ??= readYaml(source, path);
    return yaml;
  };
  // Where something stands is asked for errors and services: for a large plain file the whole parser would be most of the work.
  const value = readPlain(source) ?? whole().value;
  const at = (...keys: (string | number)[]): string => whole().at(...keys);
  const parsed = inventorySchema.safeParse(emptyMaps(value));
  if (!parsed.success) throw notAsSchema(parsed.error.issues[0], at);
  return { path, document: parsed.data, at };
}

/** The error of what a schema refuses, with line and column. */
export function notAsSchema(issue: z.core.$ZodIssue | undefined, at: Inventory['at']): ClusterCaError {
  const keys = (issue?.path ?? []) as (string | number)[];
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const where = at(...keys, ...(unknown === undefined ? [] : [unknown]));
  const name = [...keys, ...(unknown === undefined ? [] : [unknown])].join('.');
  return badInventory(
    `${where}: ${unknown === undefined ? `${name || 'the file'}: ${plainMessage(issue?.message ?? '')}` : `unknown key ${name}`}`,
  );
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
        : (key === 'defaults' || key === 'alerts') && (part === '' || part === null)
          ? {}
          : part,
    ]),
  );
}
