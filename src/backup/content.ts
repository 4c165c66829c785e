import { tampered } from '../keystore/canonical.ts';
import { sealedName } from '../keystore/envelope/sealed-key.ts';
import { liveAuthorities } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { readObject } from '../keystore/load.ts';
import type { Domain } from '../keystore/log/bodies.ts';
import { decodeRecord } from '../keystore/log/record.ts';
import type { LogState } from '../keystore/log/state.ts';
import type { Store } from '../keystore/store.ts';
import { fromBase64 } from '../pki/encoding.ts';
import type { Entry } from './entries.ts';

/** True when the root domain's slots and keys are at hand. */
export function hasRoot({ identity, options }: Keystore): boolean {
  return !identity.rootElsewhere || options.rootStore !== undefined;
}

/** What names the files of a keystore. */
export type NamedFiles = Pick<LogState, 'slots' | 'authorities' | 'destroyed' | 'audit' | 'crls'>;

/**
 * Every file that a keystore needs, up to its head: what it derives (snapshot, public/) and what nobody names is left
 * out. Where the root domain is elsewhere and at hand, its files are under `root/`.
 * @param state what the files are named by, where a record that is about to be appended names more
 * @throws ERR_KEYSTORE_TAMPERED when one is missing or changed
 */
export async function* keystoreContent(
  keystore: Keystore,
  onRecord: (done: number, total: number) => void,
  state: NamedFiles = keystore.state,
): AsyncGenerator<Entry> {
  const { store, identity } = keystore;
  const { seq: head } = keystore.state;
  yield { name: 'KEYSTORE', bytes: keystore.identityBytes };
  for (const { id, domain } of state.slots) yield* blob(keystore, domain, 'slots', id);
  for (const ref of [...liveAuthorities(state).map(({ sealed }) => sealed), state.audit.sealed])
    yield* blob(keystore, ref.domain, 'sealed', sealedName(ref));
  for (const { sha256, authority } of state.crls)
    yield { name: `objects/${sha256}`, bytes: await readObject(store, sha256, `the CRL of ${authority}`) };
  const auditKey = fromBase64(identity.auditKey);
  for (let seq = 0; seq <= head; seq++) {
    const bytes = await store.readRecord(seq);
    if (bytes === undefined) throw tampered(`log record ${seq} is missing`);
    const entry = decodeRecord(identity.id, seq, bytes, auditKey);
    if (entry.op === 'issue') {
      const { pack } = entry.body;
      yield { name: `objects/${pack}`, bytes: await readObject(store, pack, `the certificates of log record ${seq}`) };
    }
    yield { name: `log/${seq}`, bytes };
    onRecord(seq + 1, head + 1);
  }
}

async function* blob(
  keystore: Keystore,
  domain: Domain,
  family: 'slots' | 'sealed',
  name: string,
): AsyncGenerator<Entry> {
  const elsewhere = domain === 'root' && keystore.identity.rootElsewhere;
  const store: Store | undefined = elsewhere ? keystore.options.rootStore : keystore.store;
  if (store === undefined) return;
  const bytes = await store.readBlob(family, name);
  if (bytes === undefined) throw tampered(`${family}/${name} is missing`);
  yield { name: `${elsewhere ? 'root/' : ''}${family}/${name}`, bytes };
}
