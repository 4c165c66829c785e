import { verifyEd25519 } from '../crypto/ed25519.ts';
import { sha256 } from '../crypto/hash.ts';
import { ClusterCaError } from '../errors.ts';
import { tampered } from '../keystore/canonical.ts';
import { concatBytes, equalBytes } from '../pki/der/writer.ts';
import { fromBase64, toBase64 } from '../pki/encoding.ts';
import type { Signer } from '../pki/signer.ts';

/** The head of a log at one size, as C2SP tlog-checkpoint writes it. */
export interface Checkpoint {
  /** The log's name: `cluster-ca/CLUSTER/KEYSTORE-ID`. */
  origin: string;
  /** The number of records. */
  size: number;
  /** The Merkle tree hash of RFC 6962 over the records' files, 32 octets. */
  root: Uint8Array;
}

/** The signature type of Ed25519 in a signed note. */
const ED25519 = Uint8Array.of(1);
const DASH = '\u2014';
const BASE64 = '(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?';
const BODY = new RegExp(`^([^\\n]+)\\n(0|[1-9]\\d{0,14})\\n(${BASE64})\\n((?:[^\\n]+\\n)*)$`);
const SIGNATURE = new RegExp(`^${DASH} ([^ +]+) (${BASE64})$`);
/** A note is as long as what witnesses add to it. */
const LIMIT = 65_536;

/** The name of a keystore's log: nobody else's, whatever their cluster is called. */
export function originOf(cluster: string, keystoreId: string): string {
  return `cluster-ca/${cluster}/${keystoreId}`;
}

/** The keystore's id in the name of a log; undefined for another kind of name. */
export function keystoreOf(origin: string): string | undefined {
  return /^cluster-ca\/[a-z0-9-]{1,40}\/([0-9a-f]{32})$/.exec(origin)?.[1];
}

function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

/** The first four octets of SHA-256(name ‖ 0x0a ‖ 0x01 ‖ public key): C2SP signed-note. */
function keyId(name: string, auditKey: Uint8Array): Uint8Array {
  return sha256(new TextEncoder().encode(`${name}\n`), ED25519, rawKey(auditKey)).subarray(0, 4);
}

/** The 32 octets of an Ed25519 key at the end of its SubjectPublicKeyInfo (RFC 8410 §4). */
function rawKey(spki: Uint8Array): Uint8Array {
  return spki.subarray(-32);
}

/** The checkpoint as a signed note, its key named as its log. */
export async function signCheckpoint(checkpoint: Checkpoint, auditKey: Uint8Array, signer: Signer): Promise<string> {
  const text = checkpointText(checkpoint);
  const signature = await signer.sign(new TextEncoder().encode(text));
  const line = toBase64(concatBytes(keyId(checkpoint.origin, auditKey), signature));
  return `${text}\n${DASH} ${checkpoint.origin} ${line}\n`;
}

/** The line that tools of the C2SP family want to verify with: `NAME+KEYID+KEY`. */
export function verifierKey(origin: string, auditKey: Uint8Array): string {
  const id = Buffer.from(keyId(origin, auditKey)).toString('hex');
  return `${origin}+${id}+${toBase64(concatBytes(ED25519, rawKey(auditKey)))}`;
}

/** A checkpoint whose signature was not looked at yet. */
export interface UnverifiedCheckpoint extends Checkpoint {
  /** The octets that are signed. */
  text: string;
  /** Whose signatures it has, each with the four octets of its key's id in front. */
  signatures: { name: string; bytes: Uint8Array }[];
}

/** Reads a signed note with a checkpoint in it. Lines of an extension are signed too, and mean nothing here. @throws ERR_CONFIG */
export function readCheckpoint(note: string, what: string): UnverifiedCheckpoint {
  const refuse = (): never => {
    throw new ClusterCaError('ERR_CONFIG', `${what} is not a checkpoint`, {
      hint: 'a checkpoint is what cluster-ca audit checkpoint prints: three lines, an empty one, and a signature',
    });
  };
  const end = note.lastIndexOf('\n\n');
  const text = note.slice(0, end + 1);
  const body = BODY.exec(text);
  const lines = note.slice(end + 2).split('\n');
  if (note.length > LIMIT || end < 0 || body === null || lines.pop() !== '' || lines.length === 0) return refuse();
  const root = fromBase64(body[3] as string);
  const signatures = lines.map((line) => {
    const [, name, value] = SIGNATURE.exec(line) ?? refuse();
    return { name: name as string, bytes: fromBase64(value as string) };
  });
  if (root.length !== 32) return refuse();
  return { origin: body[1] as string, size: Number(body[2]), root, text, signatures };
}

/**
 * Holds a checkpoint against the audit key of the log that it should be of.
 * @throws ERR_KEYSTORE_TAMPERED when that key did not sign it
 */
export function verifyCheckpoint(checkpoint: UnverifiedCheckpoint, origin: string, auditKey: Uint8Array): void {
  if (checkpoint.origin !== origin)
    throw tampered(`the checkpoint is of the log ${checkpoint.origin}, and this is ${origin}`);
  const id = keyId(origin, auditKey);
  const signed = new TextEncoder().encode(checkpoint.text);
  const ours = checkpoint.signatures.filter(
    ({ name, bytes }) => name === origin && equalBytes(bytes.subarray(0, 4), id),
  );
  if (!ours.some(({ bytes }) => verifyEd25519(auditKey, signed, bytes.subarray(4))))
    throw tampered("the checkpoint is not signed by this log's audit key");
}
