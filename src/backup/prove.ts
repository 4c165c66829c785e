import { auditLog } from '../audit/verify.ts';
import { ClusterCaError } from '../errors.ts';
import { checkKeystore, checkUnsealing } from '../keeping/check.ts';
import type { Anchor } from '../keystore/anchor.ts';
import { DirectoryStore } from '../keystore/directory/directory-store.ts';
import type { Secret } from '../keystore/envelope/slot.ts';
import { Keystore } from '../keystore/keystore.ts';
import { type UnlockedDomain, unlock } from '../keystore/unlock.ts';

export interface Proof {
  /** Where the files were restored to. */
  main: string;
  root: string | undefined;
  /** A record that must be the last; undefined: whatever it is. */
  head?: Anchor | undefined;
  /** What opens the daily domain, where it is known: then its keys must open. */
  secrets?: readonly Secret[] | undefined;
  /** Or its domains that are open already: then the keys of all of them must open. */
  domains?: readonly UnlockedDomain[] | undefined;
  now: Date;
  onProgress: (text: string) => void;
}

/**
 * Looks at a restored keystore whole: log, slots, sealed keys, objects, and that the keys open.
 * @returns the keystore
 * @throws ERR_KEYSTORE_TAMPERED, ERR_KEYSTORE_ROLLED_BACK
 */
export async function proveRestored(proof: Proof): Promise<Keystore> {
  const { main, root, head, now, onProgress } = proof;
  const store = new DirectoryStore(main, { groupRead: false });
  const { error } = await auditLog(store, {
    auditKey: undefined,
    expectHead: head,
    trust: undefined,
    anchor: undefined,
    now,
    onProgress: (records) => onProgress(`${records} records verified`),
  });
  if (error !== undefined) throw error;
  const rootStore = root === undefined ? undefined : new DirectoryStore(root, { groupRead: false });
  const keystore = await Keystore.open(store, { anchors: undefined, rootStore });
  const { findings } = await checkKeystore(keystore);
  if (proof.secrets !== undefined) {
    const daily = await unlock(keystore, 'daily', [...proof.secrets]);
    try {
      findings.push(...(await checkUnsealing(keystore, [daily])));
    } finally {
      daily.close();
    }
  }
  const copies = (proof.domains ?? []).map((domain) => domain.of(keystore));
  try {
    findings.push(...(await checkUnsealing(keystore, copies)));
  } finally {
    for (const copy of copies) copy.close();
  }
  const [first] = findings;
  if (first !== undefined)
    throw new ClusterCaError('ERR_KEYSTORE_TAMPERED', `the restored ${first.file}: ${first.problem}`, {
      hint: 'cluster-ca keystore check says what is damaged',
    });
  return keystore;
}
