import { auditLog } from '../audit/verify.ts';
import { type ClusterCaError, isClusterCaError } from '../errors.ts';
import type { Anchor } from '../keystore/anchor.ts';
import { LOG_FANOUT } from '../keystore/directory/layout.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Store } from '../keystore/store.ts';
import { checkKeystore } from './check.ts';
import { damagedFiles } from './damage.ts';
import { type Finding, RESTORE } from './finding.ts';

export interface ExamineOptions {
  /** This user's anchor, where there is one. */
  anchor: Anchor | undefined;
  now: Date;
  onProgress?: (records: number) => void;
  /** Opens the keystore over the same store. */
  open: () => Promise<Keystore>;
}

export interface Examination {
  findings: Finding[];
  /** What could not be looked at, in words. */
  skipped: string[];
  /** The keystore, when its log is whole. */
  keystore?: Keystore;
  /** Why it is not: what whoever opens it is told. */
  error?: ClusterCaError;
}

/**
 * Looks at everything but whether the keys open: the whole log, all that it names, and what is derived.
 * @throws ERR_KEYSTORE_ABSENT, ERR_STORAGE
 */
export async function examineKeystore(store: Store, options: ExamineOptions): Promise<Examination> {
  const { anchor, now, onProgress } = options;
  const identityBytes = await store.readIdentity();
  if (identityBytes === undefined) await options.open();
  const { error } = await auditLog(store, {
    auditKey: undefined,
    expectHead: undefined,
    trust: undefined,
    anchor,
    withoutPublicHead: true,
    now,
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  if (error !== undefined) {
    const files = await damagedFiles(store, identityBytes);
    const own = findingOf(error);
    const first = files.some(({ file }) => file === own.file) ? [] : [own];
    const isRollback = isClusterCaError(error, 'ERR_KEYSTORE_ROLLED_BACK');
    return { findings: isRollback || files.length === 0 ? [...first, ...files] : files, skipped: [], error };
  }
  try {
    const keystore = await options.open();
    return { keystore, ...(await checkKeystore(keystore)) };
  } catch (error) {
    // The log by itself is whole: it is shorter than its snapshot.
    if (!isClusterCaError(error, 'ERR_KEYSTORE_TAMPERED', 'ERR_KEYSTORE_ROLLED_BACK')) throw error;
    return { findings: [findingOf(error)], skipped: [], error };
  }
}

function findingOf(error: ClusterCaError): Finding {
  return { file: fileOf(error), problem: error.message, hint: error.hint ?? RESTORE };
}

/** The file that an error is about, as far as its message says. */
function fileOf(error: ClusterCaError): string {
  const record = /(?:log|is|before|has seen) record (\d+)/.exec(error.message)?.[1];
  if (record !== undefined) return `log/${Math.floor(Number(record) / LOG_FANOUT)}/${record}`;
  return /(objects\/[0-9a-f]{64}|KEYSTORE|public\/head)/.exec(error.message)?.[1] ?? 'log';
}
