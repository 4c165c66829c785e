import type { InspectionDocument } from '../inspection/document.ts';
import type { Problem } from '../inspection/problem.ts';

/** One file of a directory that was understood. */
export interface DirectoryEntry {
  /** Relative to the directory. */
  file: string;
  kind: InspectionDocument['kind'];
  subject?: string;
  fingerprint?: string;
  notAfter?: string;
  status?: string;
  keyType?: string;
  /** Of a key: the files of the directory whose certificate or request has it. */
  belongsTo?: string[];
  problems: Problem[];
}

/** What `inspect DIR/` says of a directory that is no keystore. */
export interface DirectoryDocument {
  kind: 'directory';
  directory: string;
  files: DirectoryEntry[];
  /** Files that are something else, or cannot be read. */
  unrecognised: string[];
}
