import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Context } from '../context.ts';
import { certificateObjectOf } from '../documents/certificate-object.ts';
import { isClusterCaError } from '../errors.ts';
import type { InspectionDocument, Subject } from '../inspection/document.ts';
import { inspectBytes } from '../inspection/inspect.ts';
import type { KeyOwner } from '../inspection/key.ts';
import { toHex } from '../pki/encoding.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import { readInputFile } from '../what/read-file.ts';
import { inspectionContext } from './context.ts';
import { keystoreIfThere } from './keystore-if-there.ts';

/** Files beside a key that are looked at, and the most that one of them may have. */
const MOST_FILES = 200;
const MOST_OCTETS = 1 << 20;
/** Certificates of a keystore that are decoded to find a key's. */
const MOST_CERTIFICATES = 5000;

/** Says of each readable private key which certificate or request beside it, or in the keystore, has it. */
export async function addOwners(ctx: Context, document: InspectionDocument, path: string): Promise<void> {
  const keys = [document, ...(document.others ?? [])].flatMap((one) =>
    one.kind === 'private-key' && one.spkiSha256 !== undefined ? [one] : [],
  );
  if (keys.length === 0) return;
  const beside = ownersBeside(ctx, path);
  const wanted = new Set(keys.map(({ spkiSha256 }) => spkiSha256 as string));
  const issued = await ownersIssued(ctx, wanted);
  for (const key of keys)
    key.owners = [...beside, ...issued].flatMap(({ key: own, owner }) => (own === key.spkiSha256 ? [owner] : []));
}

interface Owned {
  key: string;
  owner: KeyOwner;
}

function ownersBeside(ctx: Context, path: string): Owned[] {
  const directory = dirname(path);
  let names: string[];
  try {
    names = readdirSync(directory).filter((name) => join(directory, name) !== join(path));
  } catch {
    return [];
  }
  return names.slice(0, MOST_FILES).flatMap((name) => {
    const file = join(directory, name);
    try {
      const status = statSync(file);
      if (!status.isFile() || status.size === 0 || status.size > MOST_OCTETS) return [];
      const document = inspectBytes(readInputFile(file), inspectionContext(ctx, file));
      return [document, ...(document.others ?? [])].flatMap((one) => ownersIn(one, file));
    } catch {
      // It holds something else, or may not be read: it owns no key.
      return [];
    }
  });
}

function ownersIn(subject: Subject, file: string): Owned[] {
  if (subject.kind === 'chain')
    return subject.certificates.flatMap((own) => ownersIn({ kind: 'certificate', ...own }, file));
  if (subject.kind !== 'certificate' && subject.kind !== 'csr') return [];
  const { kind, subject: name, fingerprint, spkiSha256 } = subject;
  return [{ key: spkiSha256, owner: { where: 'directory', file, kind, subject: name, fingerprint } }];
}

/** A keystore that cannot be read is no reason not to show a key. */
async function ownersIssued(ctx: Context, wanted: ReadonlySet<string>): Promise<Owned[]> {
  try {
    const keystore = await keystoreIfThere(ctx);
    if (keystore === undefined) return [];
    const { sha256 } = inspectionContext(ctx, '');
    const found: Owned[] = [];
    let left = MOST_CERTIFICATES;
    await keystore.query(async (index) => {
      for await (const rows of index.all())
        for (const row of rows) {
          if (left-- <= 0) return;
          const der = await keystore.der(row);
          const key = toHex(sha256(parseCertificate(der).publicKey.der));
          if (!wanted.has(key)) continue;
          const { subject, fingerprint, node, plane, status } = certificateObjectOf(row, der, ctx.now());
          const owner: KeyOwner = { where: 'keystore', kind: 'certificate', subject, fingerprint, node, status };
          found.push({ key, owner: plane === undefined ? owner : { ...owner, plane } });
        }
    });
    if (left < 0) ctx.ui.warn(`only ${MOST_CERTIFICATES} certificates of the keystore were compared with the key`);
    return found;
  } catch (error) {
    if (!isClusterCaError(error)) throw error;
    if (error.code !== 'ERR_KEYSTORE_ABSENT' && error.code !== 'ERR_USAGE')
      ctx.ui.warn(`the keystore was not searched for the key: ${error.message}`);
    return [];
  }
}
