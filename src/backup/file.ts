import { type FileHandle, open } from 'node:fs/promises';
import { ClusterCaError } from '../errors.ts';
import { errno, storageError } from '../keystore/directory/errors.ts';
import type { Secret } from '../keystore/envelope/slot.ts';
import type { ResultFile } from '../placement/result-file.ts';
import { decodeEntries, type Entry, encodeEnd, encodeEntry } from './entries.ts';
import { type BackupHeader, decodeHeader, makeHeader, openHeader } from './header.ts';
import { decryptedChunks, EncryptedWriter } from './stream.ts';

const LONGEST_HEADER = 8192;

/** Writes a backup: its first line, then the files, encrypted. @throws ERR_STORAGE, and what `entries` throws */
export async function writeBackup(
  file: ResultFile,
  about: { id: string; keystore: string; cluster: string; createdAt: Date },
  secret: Secret,
  entries: AsyncIterable<Entry>,
): Promise<void> {
  const { line, streamKey } = await makeHeader(about, secret);
  try {
    await file.write(line);
    const writer = new EncryptedWriter(streamKey, (bytes) => file.write(bytes));
    let count = 0;
    for await (const entry of entries) {
      for (const part of encodeEntry(entry)) await writer.write(part);
      count++;
    }
    await writer.write(encodeEnd(count));
    await writer.end();
  } finally {
    streamKey.fill(0);
  }
}

/** A backup file that was opened for reading. */
export interface OpenBackup {
  header: BackupHeader;
  entries: AsyncIterable<Entry>;
  close(): Promise<void>;
}

/**
 * Opens a backup file with the first secret that fits.
 * @throws ERR_CONFIG when it is none; ERR_PASSPHRASE; ERR_KEYSTORE_TAMPERED, also while its entries are read
 */
export async function openBackup(path: string, secrets: readonly Secret[]): Promise<OpenBackup> {
  const handle = await openFile(path);
  try {
    const line = await readLine(handle, path);
    const header = decodeHeader(line.subarray(0, -1), path);
    const { streamKey } = await openHeader(header, line, secrets, path);
    let at = line.length;
    const read = async (length: number): Promise<Uint8Array> => {
      const bytes = await readAt(handle, at, length, path);
      at += bytes.length;
      return bytes;
    };
    const close = async (): Promise<void> => {
      streamKey.fill(0);
      await handle.close().catch(() => {});
    };
    return { header, entries: decodeEntries(decryptedChunks(streamKey, read, path), path), close };
  } catch (error) {
    await handle.close().catch(() => {});
    throw error;
  }
}

/** The first line of a backup file, which is not secret and not yet verified. @throws ERR_CONFIG, ERR_KEYSTORE_TAMPERED */
export async function readBackupHeader(path: string): Promise<BackupHeader> {
  const handle = await openFile(path);
  try {
    return decodeHeader((await readLine(handle, path)).subarray(0, -1), path);
  } finally {
    await handle.close();
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    const why = errno(cause) === 'ENOENT' ? 'it does not exist' : String(errno(cause));
    throw new ClusterCaError('ERR_CONFIG', `cannot read the backup ${path}: ${why}`, { cause });
  }
}

async function readLine(handle: FileHandle, path: string): Promise<Uint8Array> {
  const head = await readAt(handle, 0, LONGEST_HEADER, path);
  const end = head.indexOf(0x0a);
  return end < 0 ? new Uint8Array(1) : head.slice(0, end + 1);
}

/** As many octets as asked for, unless the file ends. */
async function readAt(handle: FileHandle, position: number, length: number, path: string): Promise<Uint8Array> {
  const buffer = new Uint8Array(length);
  let read = 0;
  try {
    while (read < length) {
      const { bytesRead } = await handle.read(buffer, read, length - read, position + read);
      if (bytesRead === 0) break;
      read += bytesRead;
    }
  } catch (error) {
    if (errno(error) === 'EISDIR') throw new ClusterCaError('ERR_CONFIG', `${path} is a directory, not a backup`);
    throw storageError(error, 'read', path);
  }
  return buffer.subarray(0, read);
}
