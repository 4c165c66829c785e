import { loadCrypto } from '../crypto/webcrypto.ts';
import { makeCsr } from '../pki/csr.ts';
import { fromHex } from '../pki/encoding.ts';
import { generateKey, importSigner } from '../pki/key.ts';
import { decodePem, encodePem } from '../pki/pem.ts';
import type { KeyType } from '../pki/x509/algorithm.ts';
import { keyTypeOf, parsePublicKeyInfo } from '../pki/x509/public-key.ts';
import { publicHalf } from '../placement/key-match.ts';
import { FILES, type Place } from '../placement/place.ts';

/** A key that is on this node's disk, staged or in place, and a certification request for it. */
export interface RequestedKey {
  /** The name of the staged key; undefined when key.pem is in place already. */
  staged: string | undefined;
  /** PEM. It names nobody: names are the CA's to give. */
  csr: string;
  /** SubjectPublicKeyInfo, hex. */
  publicKey: string;
}

/**
 * A key for a certificate to come, made here and durable before anybody is asked to certify it. One that a killed run
 * has staged is taken up: the CA may have certified it already.
 * @param inPlace take the key.pem that stands there, when nothing is staged
 * @throws ERR_STORAGE
 */
export async function requestedKey(
  place: Place,
  node: string,
  keyType: KeyType,
  { inPlace = false } = {},
): Promise<RequestedKey> {
  const crypto = await loadCrypto();
  const there = await stagedBefore(place);
  const staged = there?.name ?? (inPlace && place.read(FILES.key) !== undefined ? undefined : place.stagedKeyName);
  const kept = there?.pem ?? (inPlace ? place.read(FILES.key) : undefined);
  const usable = kept === undefined ? undefined : await requestFor(kept, node, crypto);
  kept?.fill(0);
  if (usable !== undefined) return { ...usable, staged };
  const key = await generateKey(crypto, keyType);
  const pem = new TextEncoder().encode(encodePem('PRIVATE KEY', key.pkcs8));
  key.pkcs8.fill(0);
  try {
    await place.stageKey(new TextDecoder().decode(pem));
    const made = await requestFor(pem, node, crypto);
    if (made === undefined) throw new Error('a key that was just made cannot be read');
    return { ...made, staged: place.stagedKeyName };
  } finally {
    pem.fill(0);
  }
}

/** The key that a run which is over has staged here, or this one. */
async function stagedBefore(place: Place): Promise<{ name: string; pem: Uint8Array } | undefined> {
  for (const leftover of await place.leftovers({ mine: true })) {
    if (leftover.final !== FILES.key) continue;
    const pem = place.readLeftover(leftover);
    if (pem !== undefined) return { name: leftover.name, pem };
  }
  return undefined;
}

/** A request for the key in a PEM file; undefined when it holds none that this CA certifies. */
async function requestFor(
  pem: Uint8Array,
  node: string,
  crypto: Crypto,
): Promise<Omit<RequestedKey, 'staged'> | undefined> {
  const publicKey = publicHalf(pem);
  if (publicKey === undefined) return undefined;
  const spki = fromHex(publicKey);
  const keyType = keyTypeOf(parsePublicKeyInfo(spki));
  const block = decodePem(pem).find(({ label }) => label === 'PRIVATE KEY');
  if (keyType === undefined || block === undefined) return undefined;
  try {
    const csr = await makeCsr(node, [], spki, await importSigner(crypto, keyType, block.bytes));
    return { csr: encodePem('CERTIFICATE REQUEST', csr), publicKey };
  } finally {
    block.bytes.fill(0);
  }
}
