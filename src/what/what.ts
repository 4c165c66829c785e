import { statSync } from 'node:fs';
import { ClusterCaError } from '../errors.ts';
import { isNodeName } from '../issuance/names.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { parseSerial } from '../pki/serial.ts';

/** What a WHAT argument means, read by its form alone. */
export type What =
  /** `name`: what it may be too, where a node or client has that name (see `oneReading`). */
  | { type: 'file'; path: string; name?: string }
  | { type: 'directory'; path: string }
  | { type: 'endpoint'; address: string }
  | { type: 'name'; name: string; kind?: 'node' | 'client' }
  | { type: 'serial'; serial: string };

const CLIENT = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/**
 * Reads a WHAT: with `/`, or an existing regular file → a file (a directory only with `/` or `file:`); HOST:PORT;
 * a name; hex of 16 digits or more → a serial. `file:`, `node:`, `client:`, `serial:` force it. Whether an existing
 * file is a node's name as well, as `cert.pem` could be, the log knows: {@link oneReading} asks it.
 * @throws ERR_USAGE when it has two readings by its form, naming both, or none
 */
export function readWhat(text: string): What {
  const forced = /^(file|node|client|serial):(.+)$/s.exec(text);
  if (forced !== null) return readForced(forced[1] as string, forced[2] as string);
  if (text.includes('/')) return fileOrDirectory(text);
  const form = readForm(text);
  if (!isRegularFile(text)) {
    if (form !== undefined) return form;
    throw new ClusterCaError('ERR_USAGE', `neither a file, a name nor a serial number: ${JSON.stringify(text)}`, {
      hint: 'force one reading with file:, node: or serial:',
    });
  }
  const file: What = { type: 'file', path: text };
  if (form === undefined) return file;
  if (form.type === 'name') return { ...file, name: text };
  throw twoReadings(text, form.type);
}

/**
 * A file's name is refused when it is also that of a node or client in the log. Without a keystore it is a file.
 * @throws ERR_USAGE naming both readings
 */
export async function oneReading(what: What, keystore: () => Promise<Keystore | undefined>): Promise<void> {
  if (what.type !== 'file' || what.name === undefined) return;
  const { name } = what;
  const known = await (await keystore())?.query(
    async (index) => (await index.ofName('node', name)).length + (await index.ofName('client', name)).length,
  );
  if (known !== undefined && known > 0) throw twoReadings(name, 'name');
}

const OTHER = {
  name: { word: "node's or client's name", force: (text: string) => `node:${text}` },
  serial: { word: 'serial number', force: (text: string) => `serial:${text}` },
  endpoint: { word: 'HOST:PORT', force: (text: string) => `${text} from another directory` },
};

function twoReadings(text: string, type: keyof typeof OTHER): ClusterCaError {
  const { word, force } = OTHER[type];
  return new ClusterCaError('ERR_USAGE', `${text} is both a file and a ${word}`, {
    hint: `say which: file:${text} or ${force(text)}`,
  });
}

function readForm(text: string): Extract<What, { type: keyof typeof OTHER }> | undefined {
  const serial = parseSerial(text);
  if (serial !== undefined && text.replaceAll(':', '').length >= 16) return { type: 'serial', serial };
  if (/^(\[[0-9a-fA-F:.]+\]|[^:\s]+):\d{1,5}$/.test(text)) return { type: 'endpoint', address: text };
  return isNodeName(text) || CLIENT.test(text) ? { type: 'name', name: text } : undefined;
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
