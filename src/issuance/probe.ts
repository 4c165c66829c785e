import { sha256Hex } from '../crypto/hash.ts';
import { loadCrypto } from '../crypto/webcrypto.ts';
import type { ClientCertificate } from '../endpoint/handshake.ts';
import { ClusterCaError } from '../errors.ts';
import { encodeCanonical } from '../keystore/canonical.ts';
import { issuerOf } from '../keystore/hierarchy.ts';
import type { Authority, Policy } from '../keystore/log/bodies.ts';
import { newRequestId } from '../keystore/request-id.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { generateKey } from '../pki/key.ts';
import { encodePem } from '../pki/pem.ts';
import type { Validity } from '../pki/validity.ts';
import type { Side } from '../rollover/phase.ts';
import { chainPem } from './files.ts';
import { signBatch } from './sign-batch.ts';
import type { SignedItem } from './template.ts';

const HOUR = 3_600_000;

/** What every probe is issued to. */
export const PROBE: SignedItem = {
  kind: 'probe',
  name: 'cluster-ca-probe',
  plane: '',
  profile: 'probe',
  dns: [],
  ip: [],
  keyType: 'ecdsa-p256',
  wildcards: false,
};

/** A common name has 64 characters, and one with a dot is held against name constraints by some. */
const LONGEST_NAME = 64;

/**
 * What the probes of a node's agent are issued to, so that they are known to be its: with the node's name, or, where that has a
 * dot or is too long, with the first 16 hex digits of its SHA-256.
 */
export function agentProbeName(node: string): string {
  const name = `${PROBE.name}-${node}`;
  if (!node.includes('.') && name.length <= LONGEST_NAME) return name;
  return `${PROBE.name}-${sha256Hex(new TextEncoder().encode(node)).slice(0, 16)}`;
}

/** The name that every end of ours asks for in its own certificate, below the cluster's first domain. */
export function listenerName(policy: Pick<Policy, 'domains'>): string {
  return `${PROBE.name}.${policy.domains[0]}`;
}

/** What a probe is issued to that a server's client is shown: for serverAuth alone, and under names that no node has. */
export function listenerProbe(dns: readonly string[]): SignedItem {
  return { ...PROBE, profile: 'server', dns: [...dns] };
}

/** An hour to each side of now, and no longer than its issuer. Milliseconds since 1970. */
export function probeValidity(now: number, latest: number): Validity {
  return { notBefore: new Date(now - HOUR), notAfter: new Date(Math.min(now + HOUR - 1000, latest)) };
}

/**
 * A certificate to ask the cluster's servers with: clientAuth alone, an hour to each side of now, in the log like any
 * other. Its key is in memory only; zero it when done. The caller does not hold the turn among the writers.
 * @param wait milliseconds for the turn
 * @param side during a rollover: under which of its two roots; without it, whoever signs certificates of nodes now
 * @param item what it is issued to, where it is not to connect but to be connected to
 * @throws ERR_KEYSTORE_BUSY, ERR_CLOCK, ERR_STORAGE; ERR_STATE when no key of that side is ours
 */
export async function issueProbe(
  writer: KeystoreWriter,
  wait: number,
  side?: Side,
  item = PROBE,
): Promise<ClientCertificate> {
  const key = await generateKey(await loadCrypto(), PROBE.keyType);
  const pem = encodePem('PRIVATE KEY', key.pkcs8);
  key.pkcs8.fill(0);
  const encoder = new TextEncoder();
  return { cert: encoder.encode(await certifyProbe(writer, wait, key.spki, side, item)), key: encoder.encode(pem) };
}

/**
 * The same for a key that somebody else has made.
 * @param publicKey SubjectPublicKeyInfo, of the type that probes have
 * @param confirm asked on the log that the record is to follow
 * @returns PEM: the certificate and its issuing CA
 * @throws as issueProbe; what `confirm` throws
 */
export async function certifyProbe(
  writer: KeystoreWriter,
  wait: number,
  publicKey: Uint8Array,
  side?: Side,
  item = PROBE,
  confirm = async (): Promise<void> => {},
): Promise<string> {
  const { keystore } = writer;
  const issuerNow = (): Authority => {
    const found = side === undefined ? keystore.newestIssuing : issuerOf(keystore.state, side);
    if (found !== undefined) return found;
    throw new ClusterCaError('ERR_STATE', `no probe can be issued under the ${side} root: its key is not ours`);
  };
  issuerNow();
  const crypto = await loadCrypto();
  const now = Math.floor(writer.options.now().getTime() / 1000) * 1000;
  const requestHash = sha256Hex(new TextEncoder().encode(encodeCanonical({ verb: 'probe' })));
  return writer.inTurn(wait, async () => {
    const authority = issuerNow();
    const { sealed, keyType, id } = authority;
    const latest = keystore.authorityCertificate(id).notAfter;
    const validity = probeValidity(now, latest);
    const signer = await writer.daily.signer(sealed, keyType);
    const common = { writer, signer, crypto, authority, requestId: newRequestId(), requestHash };
    const [made] = await signBatch([{ item, publicKey, validity }], { ...common, confirm });
    return chainPem(keystore, made as Uint8Array, id);
  });
}
