import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect } from '@jest/globals';
import { auditLog } from '../../../src/audit/verify.ts';
import { walkLog } from '../../../src/audit/walk.ts';
import { checkKeystore, checkUnsealing } from '../../../src/keeping/check.ts';
import { anchorDirectory, readAnchor } from '../../../src/keystore/anchor.ts';
import { type IssuedCertificate, statusOf } from '../../../src/keystore/certificates/row.ts';
import { DirectoryStore } from '../../../src/keystore/directory/directory-store.ts';
import { Keystore } from '../../../src/keystore/keystore.ts';
import { unlock } from '../../../src/keystore/unlock.ts';
import { toHex } from '../../../src/pki/encoding.ts';
import { parseCrl } from '../../../src/pki/x509/crl.ts';
import type { IssueDocument, RevokeDocument } from '../../cli/documents.ts';
import type { RunResult } from '../../support/cli.ts';

/** What runs have acknowledged: it must be so ever after. */
export class Ledger {
  readonly issued = new Set<string>();
  readonly revoked = new Set<string>();

  /** One that can be written in and thrown away. */
  copy(): Ledger {
    const copy = new Ledger();
    for (const serial of this.issued) copy.issued.add(serial);
    for (const serial of this.revoked) copy.revoked.add(serial);
    return copy;
  }

  /** Takes down what a run with --json acknowledged. One that ended with neither 0 nor 3 has acknowledged nothing. */
  note(result: RunResult): void {
    if (result.code !== 0 && result.code !== 3) return;
    const { certificates = [], revoked = [] } = result.json() as Partial<IssueDocument & RevokeDocument>;
    for (const { serial } of certificates) this.issued.add(serial);
    for (const { serial } of revoked) this.revoked.add(serial);
  }
}

export interface Subject {
  keystore: string;
  /** What opens it; absent: whether its keys open is not looked at. */
  keyFile?: string;
  /** Where the root domain is, when not in the keystore. */
  rootKeystore?: string;
  out: string;
  /** Where each node's files are instead, by its name, when `out` is not where they go. */
  services?: Record<string, string>;
  env: Record<string, string>;
}

/** What the log has, read in this process, and read from its first record. */
export interface Truth {
  keystore: Keystore;
  certificates: IssuedCertificate[];
}

/**
 * What must hold after every fault, before anything else has run: chain and signatures verify; everything that the log
 * names is there; every acknowledged certificate and revocation is in the log; no serial twice; no certificate outside
 * the keystore without a commit record; every revoked serial in the CRL.
 */
export async function expectInvariant(subject: Subject, ledger: Ledger): Promise<Truth> {
  const store = new DirectoryStore(subject.keystore, { groupRead: false });
  const { rootKeystore } = subject;
  const rootStore = rootKeystore === undefined ? undefined : new DirectoryStore(rootKeystore, { groupRead: false });
  const keystore = await Keystore.open(store, { anchors: undefined, rootStore });
  const { identity } = keystore;
  const now = new Date();
  const anchor = await readAnchor(anchorDirectory(subject.env), identity.id);
  const { error } = await auditLog(store, {
    auditKey: undefined,
    expectHead: undefined,
    trust: undefined,
    anchor,
    now,
  });
  expect(error).toBeUndefined();
  expect((await checkKeystore(keystore)).findings).toEqual([]);
  if (subject.keyFile !== undefined) await expectOpens(keystore, subject.keyFile);

  const certificates: IssuedCertificate[] = [];
  await keystore.query(async (index) => {
    certificates.length = 0;
    for await (const group of index.all()) certificates.push(...group);
  });
  await expectSerialsOnce(keystore, certificates);
  const serials = new Set(certificates.map(({ serial }) => serial));
  expect([...ledger.issued].filter((serial) => !serials.has(serial))).toEqual([]);
  const revoked = new Set(certificates.flatMap(({ serial, revoked: at }) => (at === undefined ? [] : [serial])));
  expect([...ledger.revoked].filter((serial) => !revoked.has(serial))).toEqual([]);
  await expectInCrls(keystore, now);
  const handedOut = (await filesBelow(subject.out)).filter((file) => basename(file) === 'cert.pem');
  for (const directory of Object.values(subject.services ?? {})) handedOut.push(join(directory, 'cert.pem'));
  for (const file of handedOut) expect([file, serials.has(serialIn(file))]).toEqual([file, true]);
  return { keystore, certificates };
}

async function expectOpens(keystore: Keystore, keyFile: string): Promise<void> {
  const secret = { kind: 'key-file' as const, bytes: new Uint8Array(readFileSync(keyFile)) };
  for (const domain of ['daily', 'root'] as const) {
    const open = await unlock(keystore, domain, [secret]);
    expect(await checkUnsealing(keystore, [open])).toEqual([]);
    open.close();
  }
}

/** No serial is reserved twice or issued twice, whichever way one reads: from the first record, or the index. */
async function expectSerialsOnce(keystore: Keystore, certificates: IssuedCertificate[]): Promise<void> {
  const reserved: string[] = [];
  const issued: string[] = [];
  for await (const { entry, pack } of walkLog(keystore.store, keystore.identity, keystore.identityBytes)) {
    if (entry.op === 'reserve') reserved.push(...entry.body.serials);
    for (const { der } of pack) issued.push(new X509Certificate(der).serialNumber.toLowerCase());
  }
  expect(new Set(reserved).size).toBe(reserved.length);
  expect(issued.length).toBe(new Set(issued).size);
  expect(certificates.map(({ serial }) => serial).sort()).toEqual(issued.sort());
}

async function expectInCrls(keystore: Keystore, now: Date): Promise<void> {
  // A root that was taken back before anybody had a certificate of it leaves no CRL.
  for (const { authority: id } of keystore.state.crls) {
    const listed = new Set(
      [...parseCrl(await keystore.crl(id)).entries()].map(({ serialNumber }) => toHex(serialNumber)),
    );
    const wanted = await keystore.query((index) => index.revocations(id));
    const missing = wanted.filter(
      ({ serial, notAfter }) => (notAfter === undefined || notAfter > now.getTime()) && !listed.has(serial),
    );
    expect(missing).toEqual([]);
  }
}

/** After the next run: each valid certificate whose key was made here is in its place, beside that key. */
export async function expectBesideKeys(
  { out, services = {} }: Pick<Subject, 'out' | 'services'>,
  truth: Truth,
): Promise<void> {
  const now = new Date();
  for (const certificate of truth.certificates) {
    if (certificate.kind === 'probe' || statusOf(certificate, now) !== 'valid') continue;
    const { name, plane, serial } = certificate;
    const place = services[name] ?? join(out, name, plane);
    const found = new X509Certificate(readFileSync(join(place, 'cert.pem')));
    const matches = found.checkPrivateKey(createPrivateKey(readFileSync(join(place, 'key.pem'))));
    expect([place, found.serialNumber.toLowerCase(), matches]).toEqual([place, serial, true]);
  }
}

/** Nothing temporary is left below a directory. */
export async function expectTidy(out: string): Promise<void> {
  expect((await filesBelow(out)).filter((name) => name.includes('.cluster-ca.'))).toEqual([]);
}

function serialIn(file: string): string {
  return new X509Certificate(readFileSync(file)).serialNumber.toLowerCase();
}

async function filesBelow(directory: string): Promise<string[]> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  return found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
