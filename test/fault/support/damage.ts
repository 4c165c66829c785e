import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isClusterCaError } from '../../../src/errors.ts';
import { checkUnsealing } from '../../../src/keeping/check.ts';
import { examineKeystore } from '../../../src/keeping/examine.ts';
import type { Finding } from '../../../src/keeping/finding.ts';
import type { Anchor } from '../../../src/keystore/anchor.ts';
import type { Secret } from '../../../src/keystore/envelope/slot.ts';
import { Keystore } from '../../../src/keystore/keystore.ts';
import { unlock } from '../../../src/keystore/unlock.ts';
import { MemoryStore } from '../../keystore/support/memory-store.ts';

export type Files = ReadonlyMap<string, Uint8Array>;

/** Every file of a keystore that carries something, by its path. */
export function filesOf(keystore: string): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const entry of readdirSync(keystore, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name).slice(keystore.length + 1);
    if (entry.isFile() && !/^(lock|reserve|tmp\/)/.test(path))
      files.set(path, new Uint8Array(readFileSync(join(keystore, path))));
  }
  return files;
}

/** What is derived: it may be rebuilt, and nothing rests on it. */
export const isDerived = (path: string): boolean => /^(public|snapshot)\//.test(path);

/** What `keystore check` makes of files, with the key file and an anchor. */
export interface Examined {
  findings: Finding[];
  /** The exit code of whoever opens it: 0, 12, 13. */
  exit: number;
  /** What everybody is told: state, certificates, CRLs. Undefined when it does not open. */
  answers: string | undefined;
}

/** What was found of a whole keystore: of one that differs in a file that nobody asked for it need not be asked again. */
export interface Known {
  answers: string | undefined;
  /** The files that were asked for, and are there. */
  answersFrom: ReadonlySet<string>;
  keysFrom: ReadonlySet<string>;
}

/** What is known of a keystore that is whole. @throws when it is not */
export async function know(files: Files, secret: Secret): Promise<Known> {
  const [asked, opened] = [new WatchedFiles(files), new WatchedFiles(files)];
  const answers = await answersOf(new MemoryStore(asked));
  const findings: Finding[] = [];
  await tryKeys(await Keystore.open(new MemoryStore(opened), { anchors: undefined }), secret, findings);
  if (answers === undefined || findings.length > 0) throw new Error('the keystore is not whole');
  return { answers, answersFrom: asked.read, keysFrom: opened.read };
}

/** Tells which of its files were read. A list of them is none: it has no content. */
class WatchedFiles extends Map<string, Uint8Array> {
  readonly read = new Set<string>();

  override get(path: string): Uint8Array | undefined {
    if (this.has(path)) this.read.add(path);
    return super.get(path);
  }
}

/**
 * Looks at a keystore in memory as the tool does: the whole log, everything that it names, what is derived, and that the
 * keys open. Whatever is thrown but the tool's own errors is thrown on: a bug.
 * @param same of which keystore it differs in the content of one file alone
 */
export async function examine(
  files: Files,
  secret: Secret,
  anchor?: Anchor,
  same?: { known: Known; but: string },
): Promise<Examined> {
  const store = new MemoryStore(files);
  const open = () => Keystore.open(store, { anchors: undefined });
  const isAsked = same === undefined || same.known.answersFrom.has(same.but);
  const answers = isAsked ? await answersOf(store) : same.known.answers;
  try {
    const { error, findings, keystore } = await examineKeystore(store, { anchor, now: new Date(), open });
    if (keystore === undefined) return { findings, exit: error?.exitCode ?? 0, answers };
    if (same === undefined || same.known.keysFrom.has(same.but)) await tryKeys(keystore, secret, findings);
    return { findings, exit: findings.length > 0 ? 13 : 0, answers };
  } catch (error) {
    if (!isClusterCaError(error)) throw error;
    return { findings: [findingOf(error)], exit: error.exitCode, answers };
  }
}

async function tryKeys(keystore: Keystore, secret: Secret, findings: Finding[]): Promise<void> {
  for (const name of ['daily', 'root'] as const)
    try {
      findings.push(...(await checkUnsealing(keystore, [await unlock(keystore, name, [secret])])));
    } catch (error) {
      if (!isClusterCaError(error)) throw error;
      findings.push(findingOf(error));
    }
}

const findingOf = ({ message, hint = '' }: { message: string; hint?: string | undefined }): Finding => ({
  file: message,
  problem: message,
  hint,
});

/** The same text for the same values, in whichever order they were put together. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_key, inner) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** What readers are told; undefined when they are told that it is damaged. */
async function answersOf(store: MemoryStore): Promise<string | undefined> {
  try {
    const keystore = await Keystore.open(store, { anchors: undefined });
    const certificates: unknown[] = [];
    const revocations: unknown[] = [];
    await keystore.query(async (index) => {
      certificates.length = 0;
      for await (const group of index.all()) certificates.push(group);
    });
    const crls: string[] = [];
    for (const { id } of keystore.state.authorities) {
      crls.push(Buffer.from(await keystore.crl(id)).toString('base64'));
      revocations.push(await keystore.query((index) => index.revocations(id)));
    }
    return createHash('sha256')
      .update(sorted({ state: keystore.state, certificates, revocations, crls }))
      .digest('hex');
  } catch (error) {
    if (!isClusterCaError(error)) throw error;
    return undefined;
  }
}
