import { verifyEd25519 } from '../../crypto/ed25519.ts';
import { sha256Hex } from '../../crypto/hash.ts';
import { ClusterCaError } from '../../errors.ts';
import { concatBytes } from '../../pki/der/writer.ts';
import { fromHex, toHex } from '../../pki/encoding.ts';
import type { Signer } from '../../pki/signer.ts';
import { decodeCanonical, decodeUtf8, encodeCanonical, type Json, tampered, versionOf } from '../canonical.ts';
import { hex, integer, optional, record, text, timestamp } from '../shape.ts';
import { type Bodies, bodyShape, type Op } from './bodies.ts';

/** The largest log record in octets. */
export const RECORD_LIMIT = 256 * 1024;

interface Head {
  v: 1;
  seq: number;
  /** SHA-256 of the previous record's file; of the KEYSTORE file for record 0. */
  prev: string;
  /** RFC 3339 with milliseconds; never before the previous record's, unless `epoch` is one more. */
  time: string;
  /** Counts the times that an operator accepted a clock that went back. */
  epoch: number;
  /** Who wrote it, as far as the operating system says: user@host. */
  actor: string;
  requestId: string;
}

/** One record of the log: an operation and its body. */
export type LogRecord = { [O in Op]: Head & { op: O; body: Bodies[O] } }[Op];

const envelope = record({
  v: integer,
  seq: integer,
  prev: hex(32),
  time: timestamp,
  epoch: optional(integer),
  actor: text,
  op: text,
  requestId: text,
  body: (value: unknown) => value,
});

/** Octets that keep a signature over a log record from being one over anything else. */
function signedBytes(domain: string, keystoreId: string, line: string): Uint8Array {
  return concatBytes(
    new TextEncoder().encode(`cluster-ca v1 ${domain}\0`),
    fromHex(keystoreId),
    new TextEncoder().encode(line),
  );
}

/**
 * A signed file: one line of canonical JSON, one line with the Ed25519 signature in hex over the domain, the
 * keystore's id and the first line.
 */
export async function encodeSignedLine(
  domain: string,
  keystoreId: string,
  value: unknown,
  signer: Signer,
): Promise<Uint8Array> {
  const line = encodeCanonical(value);
  const signature = await signer.sign(signedBytes(domain, keystoreId, line));
  return new TextEncoder().encode(`${line}\n${toHex(signature)}\n`);
}

/** The value of a signed file. @throws ERR_KEYSTORE_TAMPERED when form or signature is wrong */
export function decodeSignedLine(
  domain: string,
  keystoreId: string,
  bytes: Uint8Array,
  auditKey: Uint8Array,
  what: string,
): Json {
  const content = decodeUtf8(bytes, what);
  const match = /^([^\n]+)\n([0-9a-f]{128})\n$/.exec(content);
  if (match === null) throw tampered(`${what} is not one line and its signature`);
  const [, line, signature] = match as unknown as [string, string, string];
  if (!verifyEd25519(auditKey, signedBytes(domain, keystoreId, line), fromHex(signature)))
    throw tampered(`the signature of ${what} does not verify`);
  return decodeCanonical(line, what);
}

/** The file of a record. @throws for a record that no reader would take, which is a bug of whoever made it */
export async function encodeRecord(keystoreId: string, value: LogRecord, signer: Signer): Promise<Uint8Array> {
  checkOwn(value);
  const bytes = await encodeSignedLine(
    'log',
    keystoreId,
    value.epoch === 0 ? { ...value, epoch: undefined } : value,
    signer,
  );
  if (bytes.length > RECORD_LIMIT) throw new Error(`log record ${value.seq} is larger than ${RECORD_LIMIT} bytes`);
  return bytes;
}

/**
 * Reads the file of record `seq`: canonical form, signature, number and body.
 * @throws ERR_KEYSTORE_TAMPERED for anything else, and for an operation of a later version
 */
export function decodeRecord(keystoreId: string, seq: number, bytes: Uint8Array, auditKey: Uint8Array): LogRecord {
  const what = `log record ${seq}`;
  if (bytes.length > RECORD_LIMIT) throw tampered(`${what} is larger than ${RECORD_LIMIT} bytes`);
  const value = decodeSignedLine('log', keystoreId, bytes, auditKey, what);
  if ((versionOf(value) ?? 0) > 1) throw laterVersion(what);
  const head = envelope(value, what);
  if (head.seq !== seq) throw tampered(`${what} says that it is record ${head.seq}`);
  const shape = bodyShape(head.op);
  if (head.v !== 1) throw tampered(`${what} is of no known version`);
  if (head.epoch === 0) throw tampered(`${what} writes the time epoch 0, which is left out`);
  if (shape === undefined) throw laterVersion(`${what} (${head.op})`);
  const body = shape(head.body, `${what}.body`);
  return { ...head, v: 1, epoch: head.epoch ?? 0, body } as LogRecord;
}

/** What was appended cannot be taken back: a record of a wrong form would close the keystore to everybody. */
function checkOwn(value: LogRecord): void {
  const what = `log record ${value.seq}`;
  try {
    envelope(value, what);
    bodyShape(value.op)?.(value.body, `${what}.body`);
  } catch (cause) {
    throw new Error(`a record of a wrong form was about to be written: ${(cause as Error).message}`, { cause });
  }
}

function laterVersion(what: string): ClusterCaError {
  return new ClusterCaError('ERR_KEYSTORE_TAMPERED', `${what} was written by a later version of cluster-ca`, {
    hint: 'install that version, or a newer one',
  });
}

/** The hash by which the next record refers to this one. */
export function recordHash(bytes: Uint8Array): string {
  return sha256Hex(bytes);
}
