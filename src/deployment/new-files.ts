import { ClusterCaError } from '../errors.ts';
import type { NewFile } from '../hosts/host.ts';
import { publicHalf } from '../placement/key-match.ts';
import { wantsCombined } from './change.ts';
import { type DirectoryState, isGeneration, isOurs, NAMES, type Name } from './service-directory.ts';
import type { Task } from './task.ts';
import { crlKind } from './unit.ts';

const KEYS: readonly Name[] = ['key.pem', 'combined.pem'];

/** A set on its way into a directory: its owner and the mode of its key are those that are there, unless the inventory says others. */
export interface NewSet {
  files: NewFile[];
  names: Name[];
  owner: string | undefined;
}

type Place = Pick<Task, 'unit' | 'directory' | 'material'>;

/**
 * The private key of what is placed. The caller zeroes it.
 * @throws ERR_NOT_FOUND when the key is neither where the operator keeps it nor in the directory
 */
export async function findKey(task: Place, state: DirectoryState): Promise<Uint8Array> {
  const key = task.material.key() ?? (await keyOfDirectory(task, state));
  if (key !== undefined) return key;
  const { name } = task.unit.holder;
  const [other] = task.material.otherKeys();
  throw new ClusterCaError(
    'ERR_NOT_FOUND',
    `the private key of ${name}${task.unit.plane === '' ? '' : `/${task.unit.plane}`} is neither in --from nor in ${task.unit.dir}${other === undefined ? '' : `: ${other} is not the key of its certificate`}`,
    { hint: `say where --out was: --from DIR; if the key is lost: cluster-ca rotate ${name} --deploy` },
  );
}

/**
 * The key in the directory, in whichever generation: one that was put back for an older may have the only copy, and one
 * that a killed run has half removed, too.
 */
async function keyOfDirectory({ directory, material }: Place, state: DirectoryState): Promise<Uint8Array | undefined> {
  const halves = state.leftovers.filter(isGeneration);
  for (const generation of ['.', ...state.generations.toReversed(), ...halves]) {
    const key = await directory.read('key.pem', generation);
    if (publicHalf(key) === material.publicKey) return key;
    key?.fill(0);
  }
  return undefined;
}

/** The files that are there, with the new CRL. */
export async function sameFiles(task: Task, state: DirectoryState): Promise<NewSet> {
  const kind = crlKind(task.unit);
  const mode = (await task.directory.keyMode()) ?? 0o600;
  const files: NewFile[] = [];
  for (const name of NAMES) {
    const isPart = name !== 'crl.pem' && (name !== 'combined.pem' || wantsCombined(task.unit) || isOurs(state, name));
    const content = isPart ? await task.directory.read(name) : undefined;
    if (content === undefined) continue;
    files.push({ name, content, mode: KEYS.includes(name) ? mode : 0o644 });
  }
  if (kind !== 'none')
    files.push({ name: 'crl.pem', content: new TextEncoder().encode(task.material.crls[kind]), mode: 0o644 });
  return setOf(files, await task.directory.ownerOf());
}

/** The whole new set. */
export async function newFiles(task: Task, key: Uint8Array): Promise<NewSet> {
  const { chain, trustBundle, crls } = task.material;
  const { directory, unit, context } = task;
  const text = (pem: string): Uint8Array => new TextEncoder().encode(pem);
  const asked = unit.services[0]?.service;
  const mode = await keyModeFor(task);
  if ((mode & 0o004) !== 0)
    context.warn(
      `everybody on ${directory.host.label} can read ${directory.files.key}, as before: say keyMode in the inventory`,
    );
  const kind = crlKind(unit);
  const files: NewFile[] = [
    { name: 'cert.pem', content: text(chain), mode: 0o644 },
    { name: 'key.pem', content: key, mode },
    { name: 'ca.pem', content: text(trustBundle), mode: 0o644 },
    ...(kind === 'none' ? [] : [{ name: 'crl.pem', content: text(crls[kind]), mode: 0o644 }]),
    ...(wantsCombined(unit) ? [{ name: 'combined.pem', content: Buffer.concat([text(chain), key]), mode }] : []),
  ];
  return setOf(files, asked?.owner ?? (await directory.ownerOf()));
}

/** The mode that the key is given: what the inventory says, or that of the key that is there. */
export async function keyModeFor({ unit, directory }: Pick<Task, 'unit' | 'directory'>): Promise<number> {
  const asked = unit.services[0]?.service.keyMode;
  return asked === undefined ? ((await directory.keyMode()) ?? 0o600) : Number.parseInt(asked, 8);
}

/** Forgets the keys of a set. */
export function zeroKeys({ files }: NewSet): void {
  for (const { name, content } of files) if (KEYS.includes(name as Name)) content.fill(0);
}

function setOf(files: NewFile[], owner: string | undefined): NewSet {
  return { files, owner, names: NAMES.filter((name) => files.some((file) => file.name === name)) };
}
