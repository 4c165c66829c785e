import { ClusterCaError } from '../errors.ts';
import type { NewFile } from '../hosts/host.ts';
import { publicHalf } from '../placement/key-match.ts';
import { wantsCombined } from './change.ts';
import { type DirectoryState, NAMES } from './service-directory.ts';
import type { Task } from './task.ts';
import { crlKind } from './unit.ts';

/**
 * The private key of what is placed. The caller zeroes it.
 * @throws ERR_NOT_FOUND when the key is neither where the operator keeps it nor in the directory
 */
export async function findKey(task: Task): Promise<Uint8Array> {
  const key = task.material.key();
  if (key !== undefined) return key;
  const there = await task.directory.read('key.pem');
  if (there !== undefined && publicHalf(there) === task.material.publicKey) return there;
  there?.fill(0);
  const { name } = task.unit.holder;
  throw new ClusterCaError(
    'ERR_NOT_FOUND',
    `the private key of ${name}${task.unit.plane === '' ? '' : `/${task.unit.plane}`} is neither in --from nor in ${task.unit.dir}`,
    { hint: `say where --out was: --from DIR; if the key is lost: cluster-ca rotate ${name} --deploy` },
  );
}

/** The files that are there, with the new CRL. */
export async function sameFiles(task: Task, state: DirectoryState): Promise<NewFile[]> {
  const kind = crlKind(task.unit);
  const mode = (await task.directory.keyMode(state)) ?? 0o600;
  const files: NewFile[] = [];
  for (const name of NAMES) {
    const content = name === 'crl.pem' ? undefined : await task.directory.read(name);
    if (content === undefined) continue;
    files.push({ name, content, mode: name === 'key.pem' || name === 'combined.pem' ? mode : 0o644 });
  }
  if (kind !== 'none')
    files.push({ name: 'crl.pem', content: new TextEncoder().encode(task.material.crls[kind]), mode: 0o644 });
  return files;
}

/** The whole new set. The key's mode stays what it is, unless the inventory says another. */
export async function newFiles(task: Task, key: Uint8Array, state: DirectoryState): Promise<NewFile[]> {
  const { chain, trustBundle, crls } = task.material;
  const text = (pem: string): Uint8Array => new TextEncoder().encode(pem);
  const asked = task.unit.services[0]?.service.keyMode;
  const mode = asked === undefined ? ((await task.directory.keyMode(state)) ?? 0o600) : Number.parseInt(asked, 8);
  const kind = crlKind(task.unit);
  return [
    { name: 'cert.pem', content: text(chain), mode: 0o644 },
    { name: 'key.pem', content: key, mode },
    { name: 'ca.pem', content: text(trustBundle), mode: 0o644 },
    ...(kind === 'none' ? [] : [{ name: 'crl.pem', content: text(crls[kind]), mode: 0o644 }]),
    ...(wantsCombined(task.unit) ? [{ name: 'combined.pem', content: Buffer.concat([text(chain), key]), mode }] : []),
  ];
}
