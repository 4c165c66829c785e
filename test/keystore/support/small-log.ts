import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sha256Hex } from '../../../src/crypto/hash.ts';
import { Overlay } from '../../../src/keystore/certificates/overlay.ts';
import { decodeIdentity } from '../../../src/keystore/identity.ts';
import { Keystore } from '../../../src/keystore/keystore.ts';
import type { Bodies, Op } from '../../../src/keystore/log/bodies.ts';
import { encodeRecord, type LogRecord } from '../../../src/keystore/log/record.ts';
import { encodePack, type PackedCertificate } from '../../../src/keystore/pack.ts';
import { writeSnapshot } from '../../../src/keystore/snapshot/snapshot.ts';
import { fromBase64, toHex } from '../../../src/pki/encoding.ts';
import { encodeSigned, encodeTbsCertificate } from '../../../src/pki/template.ts';
import { signatureAlgorithmFor } from '../../../src/pki/x509/algorithm.ts';
import { parseCertificate } from '../../../src/pki/x509/certificate.ts';
import { basicConstraints } from '../../../src/pki/x509/extensions.ts';
import { commonName, encodeName } from '../../../src/pki/x509/name.ts';
import { fixedBytes, fixedEd25519 } from './deterministic-keys.ts';
import { MemoryStore } from './memory-store.ts';

export const vectorFile = (path: string): Uint8Array =>
  new Uint8Array(readFileSync(fileURLToPath(new URL(`../vectors/keystore/${path}`, import.meta.url))));

export const AUDIT = fixedEd25519('audit key');
export const IDENTITY_BYTES = vectorFile('KEYSTORE');
export const IDENTITY = decodeIdentity(IDENTITY_BYTES);
export const FIRST = vectorFile('log/0/0');
/** The first record's time. */
export const START = Date.parse('2026-01-02T03:04:05.678Z');

export interface Issued {
  kind: PackedCertificate['kind'];
  name: string;
  plane: string;
  serial: string;
  notBefore: number;
  notAfter: number;
}

/** A keystore in memory that begins with the record 0 of the test vectors; records are appended without a passphrase. */
export class SmallLog {
  readonly store = new MemoryStore([
    ['KEYSTORE', IDENTITY_BYTES],
    ['log/0/0', FIRST],
  ]);
  seq = 0;
  head = sha256Hex(FIRST);
  time = START;

  open(): Promise<Keystore> {
    return Keystore.open(this.store, { anchors: undefined });
  }

  /** The file of the next record; `changes` overwrite its head. */
  async encode<O extends Op>(op: O, body: Bodies[O], changes: Record<string, unknown> = {}): Promise<Uint8Array> {
    const { seq, head: prev, time } = this;
    const head = { v: 1, seq: seq + 1, prev, time: new Date(time + 1000).toISOString(), epoch: 0 };
    const entry = { ...head, actor: 'test@example', op, requestId: `request-${seq + 1}`, body, ...changes };
    return encodeRecord(IDENTITY.id, entry as LogRecord, AUDIT.signer);
  }

  async append<O extends Op>(op: O, body: Bodies[O], changes: Record<string, unknown> = {}): Promise<void> {
    const bytes = await this.encode(op, body, changes);
    await this.store.append(++this.seq, bytes);
    this.head = sha256Hex(bytes);
    this.time += 1000;
  }

  /** Reserve and issue records over certificates that nobody signed: the fold does not look at that. */
  async issue(certificates: Issued[], requestHash = '11'.repeat(32)): Promise<void> {
    const request = { requestId: `request-${this.seq + 1}` };
    await this.append('reserve', { requestHash, serials: certificates.map(({ serial }) => serial) }, request);
    const pack = packOf(certificates);
    await this.store.putObject(sha256Hex(pack), pack);
    const body = { requestHash, reserve: this.seq, pack: sha256Hex(pack), count: certificates.length };
    await this.append('issue', body, request);
  }

  async revoke(entries: Bodies['revoke']['entries']): Promise<void> {
    await this.append('revoke', { entries, crls: [] });
  }
}

export function packOf(certificates: Issued[]): Uint8Array {
  return encodePack(
    certificates.map(({ kind, name, plane, ...issued }) => ({
      kind,
      name,
      plane,
      profile: kind === 'node' ? 'peer' : kind,
      der: unsignedCertificate(issued),
    })),
  );
}

const ISSUING = parseCertificate(fromBase64(await issuingCertificate()));
const NAME = encodeName(commonName('x'));
const NOT_A_CA = basicConstraints(false);

async function issuingCertificate(): Promise<string> {
  const state = (await new SmallLog().open()).state;
  return state.authorities[1]?.certificate as string;
}

/** As the issuing CA would sign it, with a signature of zeros. */
export function unsignedCertificate(
  { serial, notBefore, notAfter }: Pick<Issued, 'serial' | 'notBefore' | 'notAfter'>,
  issuer = ISSUING.subject,
): Uint8Array {
  const signatureAlgorithm = signatureAlgorithmFor('ecdsa-p256');
  const tbs = encodeTbsCertificate({
    profile: 'peer',
    serialNumber: Buffer.from(serial, 'hex'),
    signatureAlgorithm,
    issuer,
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
    subject: NAME,
    publicKey: ISSUING.publicKey.der,
    extensions: [NOT_A_CA],
  });
  return encodeSigned(tbs, signatureAlgorithm, new Uint8Array(64));
}

/** A serial by number. */
export function serialOf(n: number): string {
  return `40${toHex(fixedBytes(`serial ${n}`, 19))}`;
}

/** What a writer does from time to time. */
export async function takeSnapshot(keystore: Keystore): Promise<void> {
  const pages = await keystore.query((index) => index.merged());
  await writeSnapshot(keystore.store, { state: keystore.state, pages }, AUDIT.signer);
  keystore.rebase({ state: keystore.state, pages, overlay: new Overlay() });
}
