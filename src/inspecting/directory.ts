import { readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Context } from '../context.ts';
import { isClusterCaError } from '../errors.ts';
import type { InspectionDocument, Subject } from '../inspection/document.ts';
import { inspectBytes } from '../inspection/inspect.ts';
import { subjectText } from '../inspection/text/certificate.ts';
import { readInputFile } from '../what/read-file.ts';
import { type Inspected, inspectionContext } from './context.ts';
import type { DirectoryDocument, DirectoryEntry } from './directory-document.ts';
import { renderDirectory } from './directory-render.ts';

const DEPTH = 3;
const MOST_FILES = 1000;
const MOST_OCTETS = 4 << 20;

/** Describes every file of a directory and three levels below; undefined when none of them is understood. */
export function inspectDirectory(ctx: Context, directory: string): Inspected | undefined {
  const files: (DirectoryEntry & { keys: string[] })[] = [];
  const unrecognised: string[] = [];
  for (const path of filesBelow(directory, DEPTH).slice(0, MOST_FILES)) {
    const file = relative(directory, path);
    try {
      if (statSync(path).size > MOST_OCTETS) throw new Error('large');
      files.push(entryOf(file, inspectBytes(readInputFile(path), inspectionContext(ctx, path))));
    } catch (error) {
      if (!isClusterCaError(error) && !(error instanceof Error && error.message === 'large')) throw error;
      unrecognised.push(file);
    }
  }
  if (files.length === 0) return undefined;
  for (const entry of files)
    if (entry.kind === 'private-key' && entry.keys.length > 0)
      entry.belongsTo = files
        .filter(({ kind, keys }) => kind !== 'private-key' && keys.some((key) => entry.keys.includes(key)))
        .map((other) => other.file);
  const document: DirectoryDocument = {
    kind: 'directory',
    directory,
    files: files.map(({ keys: _keys, ...entry }) => entry),
    unrecognised,
  };
  return { document, text: (style) => renderDirectory(document, style, ctx.now()) };
}

/** Regular files, in the order of their names; hidden ones and links to directories are left out. */
function filesBelow(directory: string, depth: number): string[] {
  let entries: import('node:fs').Dirent[];
  try {
    entries = readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
  return entries
    .filter(({ name }) => !name.startsWith('.'))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return depth > 0 ? filesBelow(path, depth - 1) : [];
      return entry.isFile() || (entry.isSymbolicLink() && isFile(path)) ? [path] : [];
    });
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function entryOf(file: string, document: InspectionDocument): DirectoryEntry & { keys: string[] } {
  const main = mainOf(document);
  const all: Subject[] = [document, ...(document.others ?? [])];
  const keys = all.flatMap(keysIn);
  const problems = all.flatMap((one) => one.problems).filter(({ severity }) => severity !== 'info');
  return {
    file,
    kind: document.kind,
    ...('subject' in main ? { subject: subjectText(main) } : {}),
    ...('issuer' in main && main.kind === 'crl' ? { subject: main.issuer } : {}),
    ...('fingerprint' in main ? { fingerprint: main.fingerprint } : {}),
    ...('notAfter' in main ? { notAfter: main.notAfter } : {}),
    ...('nextUpdate' in main && main.nextUpdate !== undefined ? { notAfter: main.nextUpdate } : {}),
    ...('status' in main ? { status: main.status } : {}),
    ...('keyType' in main && main.keyType !== undefined ? { keyType: main.keyType } : {}),
    problems,
    keys,
  };
}

function mainOf(document: InspectionDocument): Subject {
  if (document.kind !== 'chain') return document;
  const leaf = document.certificates.find(({ fingerprint }) => fingerprint === document.path?.[0]);
  const first = leaf ?? document.certificates[0];
  return first === undefined ? document : { kind: 'certificate', ...first };
}

function keysIn(subject: Subject): string[] {
  if (subject.kind === 'chain') return subject.certificates.map(({ spkiSha256 }) => spkiSha256);
  return 'spkiSha256' in subject && subject.spkiSha256 !== undefined ? [subject.spkiSha256] : [];
}
