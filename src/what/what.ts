import { statSync } from 'node:fs';
import { ClusterCaError } from '../errors.ts';
import { isNodeName } from '../issuance/names.ts';
import { parseSerial } from '../pki/serial.ts';

/** What a WHAT argument means, read by its form alone. */
export type What =
  | { type: 'file'; path: string }
  | { type: 'directory'; path: string }
  | { type: 'endpoint'; address: string }
  | { type: 'name'; name: string; kind?: 'node' | 'client' }
  | { type: 'serial'; serial: string };

const CLIENT = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/**
 * Reads a WHAT: with `/`, or an existing regular file → a file (a directory only with `/` or `file:`); HOST:PORT;
 * a name; hex of 16 digits or more → a serial. `file:`, `node:`, `client:`, `serial:` force it.
 * @throws ERR_USAGE when it has two readings, naming both, or none
 */
export function readWhat(text: string): What {
  const forced = /^(file|node|client|serial):(.+)$/s.exec(text);
  if (forced !== null) return readForced(forced[1] as string, forced[2] as string);
  if (text.includes('/')) return fileOrDirectory(text);
  const readings: What[] = [];
  if (isRegularFile(text)) readings.push({ type: 'file', path: text });
  const serial = parseSerial(text);
  const isSerial = serial !== undefined && text.replaceAll(':', '').length >= 16;
  if (isSerial) readings.push({ type: 'serial', serial });
  else if (/^(\[[0-9a-fA-F:.]+\]|[^:\s]+):\d{1,5}$/.test(text)) readings.push({ type: 'endpoint', address: text });
  else if (isNodeName(text) || CLIENT.test(text)) readings.push({ type: 'name', name: text });
  const [first, second] = readings;
  if (first === undefined)
    throw new ClusterCaError('ERR_USAGE', `neither a file, a name nor a serial number: ${JSON.stringify(text)}`, {
      hint: 'force one reading with file:, node: or serial:',
    });
  if (second !== undefined)
    throw new ClusterCaError('ERR_USAGE', `${text} is both a ${word(first)} and a ${word(second)}`, {
      hint: `say which: ${prefix(first)}${text} or ${prefix(second)}${text}`,
    });
  return first;
}

function readForced(form: string, value: string): What {
  if (form === 'file') return fileOrDirectory(value);
  if (form === 'node' || form === 'client') return { type: 'name', name: value, kind: form };
  const serial = parseSerial(value);
  if (serial === undefined) throw new ClusterCaError('ERR_USAGE', `not a serial number: ${JSON.stringify(value)}`);
  return { type: 'serial', serial };
}

function fileOrDirectory(path: string): What {
  try {
    if (statSync(path).isDirectory()) return { type: 'directory', path };
  } catch {
    // Whoever reads it says why it cannot be read.
  }
  return { type: 'file', path };
}

function isRegularFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function word(what: What): string {
  return {
    file: 'file',
    directory: 'directory',
    endpoint: 'HOST:PORT',
    name: "node's or client's name",
    serial: 'serial number',
  }[what.type];
}

function prefix(what: What): string {
  return what.type === 'name' ? 'node:' : what.type === 'serial' ? 'serial:' : 'file:';
}
