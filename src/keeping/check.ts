import { sha256Hex } from '../crypto/hash.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { parseHead } from '../keystore/anchor.ts';
import { decodeStoredKey, sealedName } from '../keystore/envelope/sealed-key.ts';
import { decodeSlot } from '../keystore/envelope/slot.ts';
import { liveAuthorities } from '../keystore/hierarchy.ts';
import { HEAD_HINT, type Keystore } from '../keystore/keystore.ts';
import { readObject } from '../keystore/load.ts';
import { publicFiles } from '../keystore/public.ts';
import { readSnapshot } from '../keystore/snapshot/snapshot.ts';
import type { Store } from '../keystore/store.ts';
import type { UnlockedDomain } from '../keystore/unlock.ts';
import { readDer } from '../pki/der/reader.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { OID } from '../pki/oids.ts';
import { decodePem } from '../pki/pem.ts';
import { parseCrl } from '../pki/x509/crl.ts';
import { findExtension } from '../pki/x509/extension.ts';
import { crlSigner } from '../revocation/crl-signer.ts';
import { damaged, type Finding, lookAt, RESTORE } from './finding.ts';

const REPAIR = 'cluster-ca keystore check --repair rebuilds it';
/**
 * Looks at everything that the log names: slots, sealed keys, CRLs, packs (by the replay of the log, before this), and
 * at what is derived. What a crash leaves (temporary files, objects and keys that no record names) is no finding.
 */
export async function checkKeystore(keystore: Keystore): Promise<{ findings: Finding[]; skipped: string[] }> {
  const findings: Finding[] = [];
  const skipped: string[] = [];
  const look = (file: string, hint: string, check: () => Promise<unknown>): Promise<void> =>
    lookAt(findings, file, hint, check);
  const { identity, state, store } = keystore;
  const rootStore = identity.rootElsewhere ? keystore.options.rootStore : store;
  if (rootStore === undefined)
    skipped.push('the root domain is kept elsewhere and was not looked at: give --root-keystore DIR');
  for (const slot of state.slots) {
    const place = slot.domain === 'root' ? rootStore : store;
    if (place !== undefined)
      await look(`slots/${slot.id}`, RESTORE, async () =>
        decodeSlot(identity.id, slot, await readPrivate(place, 'slots', slot.id, skipped)),
      );
  }
  for (const ref of [...liveAuthorities(state).map(({ sealed }) => sealed), state.audit.sealed]) {
    const place = ref.domain === 'root' ? rootStore : store;
    const name = sealedName(ref);
    if (place !== undefined)
      await look(`sealed/${name}`, RESTORE, async () =>
        decodeStoredKey(identity.id, ref, await readPrivate(place, 'sealed', name, skipped)),
      );
  }
  for (const crl of state.crls)
    await look(`objects/${crl.sha256}`, RESTORE, () => readObject(store, crl.sha256, `the CRL of ${crl.authority}`));
  await look('snapshot/head', REPAIR, () => checkSnapshot(keystore));
  for (const name of ['trust-bundle.pem', 'crl.pem', 'head'])
    await look(`public/${name}`, name === 'head' ? HEAD_HINT : REPAIR, () => checkPublic(keystore, name));
  return { findings: findings.filter(({ problem }) => problem !== UNREADABLE), skipped: [...new Set(skipped)] };
}

const UNREADABLE = 'not readable by this user';

/** Slots and sealed keys stay closed to everybody but the owner: an auditor cannot look at them, and is told so. */
async function readPrivate(
  store: Store,
  family: 'slots' | 'sealed',
  name: string,
  skipped: string[],
): Promise<Uint8Array | undefined> {
  try {
    return await store.readBlob(family, name);
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_STORAGE') || error.details?.errno !== 'EACCES') throw error;
    skipped.push(`${family}/ cannot be read by this user and was not looked at`);
    throw new ClusterCaError('ERR_STORAGE', UNREADABLE);
  }
}

/** Every page that a snapshot names is there with its hash, and its head is a record of the log. */
async function checkSnapshot(keystore: Keystore): Promise<void> {
  const { store, identity } = keystore;
  const snapshot = await readSnapshot(store, identity.id, fromBase64(identity.auditKey));
  if (snapshot === undefined) return;
  for (const pages of Object.values(snapshot.pages) as { sha256: string }[][])
    for (const { sha256: hash } of pages) {
      const bytes = await store.readBlob('snapshot', hash);
      if (bytes === undefined) throw damaged(`its page ${hash} is missing`);
      if (sha256Hex(bytes) !== hash) throw damaged(`its page ${hash} was changed`);
    }
}

/** A public file may be older than the log, after a crash; it may not be anything else. */
async function checkPublic(keystore: Keystore, name: string): Promise<void> {
  const bytes = await keystore.store.readBlob('public', name);
  if (bytes === undefined) return;
  if (name === 'head') return checkHead(keystore, bytes);
  const expected = (await publicFiles(keystore, new Date(keystore.state.time)))[name];
  if (new TextDecoder().decode(bytes) === expected) return;
  if (name === 'crl.pem') checkCrls(keystore, bytes);
  else checkBundle(keystore, bytes);
}

async function checkHead(keystore: Keystore, bytes: Uint8Array): Promise<void> {
  const head = parseHead(new TextDecoder().decode(bytes));
  if (head === undefined) throw damaged('it is not SEQ:HASH');
  await keystore.checkAnchor(head, 'public/head');
}

function checkBundle(keystore: Keystore, bytes: Uint8Array): void {
  const { authorities, trusted = [], rollover } = keystore.state;
  const known = [
    ...authorities.filter(({ role }) => role === 'root'),
    ...trusted,
    ...(rollover?.foreign ? [rollover.foreign] : []),
  ];
  const roots = known.map(({ certificate }) => fromBase64(certificate));
  const blocks = decodePem(bytes);
  if (blocks.length === 0) throw damaged('it holds no certificate');
  for (const block of blocks)
    if (!roots.some((root) => equalBytes(root, block.bytes)))
      throw damaged('it holds a certificate that is no anchor of this keystore');
}

function checkCrls(keystore: Keystore, bytes: Uint8Array): void {
  const blocks = decodePem(bytes);
  if (blocks.length === 0) throw damaged('it holds no CRL');
  for (const block of blocks) {
    const crl = parseCrl(block.bytes);
    const number = findExtension(crl.extensions, OID.cRLNumber);
    const authority = crlSigner(keystore, crl);
    if (authority === undefined || number === undefined)
      throw damaged('it holds a CRL that no CA of this keystore signed');
    const value = readDer(number.value, (reader) => reader.integer()).reduce(
      (n, octet) => n * 256n + BigInt(octet),
      0n,
    );
    const current = keystore.state.crls.find((ref) => ref.authority === authority.id);
    if (current !== undefined && value > BigInt(current.number))
      throw damaged('it holds a CRL that the log does not know');
  }
}

/**
 * Opens every sealed key of the domains that are open. A key in a token is asked for where its PIN is given.
 * @param skipped is added to: what was not looked at
 */
export async function checkUnsealing(
  keystore: Keystore,
  domains: UnlockedDomain[],
  skipped: string[] = [],
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const keys = [
    ...liveAuthorities(keystore.state),
    { keyType: 'ed25519' as const, sealed: keystore.state.audit.sealed, certificate: keystore.state.audit.certificate },
  ];
  for (const { keyType, sealed } of keys) {
    const domain = domains.find((open) => open.domain === sealed.domain);
    if (domain === undefined) continue;
    try {
      const signer = await domain.signer(sealed, keyType);
      await signer.sign(new TextEncoder().encode('cluster-ca keystore check'));
    } catch (error) {
      if (!isClusterCaError(error)) throw error;
      // The key of a root that is another PKI's: there is none to open.
      if (error.details?.external === true) continue;
      // Not the keystore's fault: no PIN, which an auditor has not; a wrong one, or no token, is the error that it is anywhere.
      if (error.code === 'ERR_INPUT_REQUIRED') skipped.push(`${error.message}: whether its keys open was not checked`);
      else if (error.code === 'ERR_PASSPHRASE' || error.details?.token === 'absent') throw error;
      else findings.push({ file: `sealed/${sealedName(sealed)}`, problem: error.message, hint: error.hint ?? RESTORE });
    }
  }
  return findings;
}
