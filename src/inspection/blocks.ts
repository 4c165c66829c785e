import { DerReader } from '../pki/der/reader.ts';
import { LIMITS } from '../pki/limits.ts';
import { decodePem } from '../pki/pem.ts';
import { messageOf } from './problem.ts';

/** One value of a file: what a PEM block holds, or the whole of a DER file. */
export interface Block {
  /** The PEM label; undefined for DER. */
  label: string | undefined;
  /** Line of the file that the block begins in. */
  line: number | undefined;
  /** DER; undefined when the block does not decode, or is encrypted in PEM's old way. */
  bytes: Uint8Array | undefined;
  /** RFC 1421 headers, as OpenSSL's old encrypted keys have them. */
  headers: ReadonlyMap<string, string>;
  /** Why the block does not decode. */
  malformed: string | undefined;
}

const NO_HEADERS: ReadonlyMap<string, string> = new Map();
const BEGIN = '-----BEGIN ';
const MAX_BLOCKS = 2000;

/** True for a single DER value that fills the file: one SEQUENCE, as everything that is read here begins. */
export function isDer(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0x30) return false;
  try {
    const reader = new DerReader(bytes);
    reader.raw();
    return reader.done;
  } catch {
    return false;
  }
}

/**
 * The blocks of a PEM file, in order; text around them is ignored. A block that does not decode is in the list with
 * its reason, so that the others can still be shown. Undefined when there are more than 2,000.
 */
export function pemBlocks(bytes: Uint8Array): Block[] | undefined {
  const text = new TextDecoder('latin1').decode(bytes.subarray(0, LIMITS.file));
  const blocks: Block[] = [];
  let line = 1;
  let counted = 0;
  for (let at = text.indexOf(BEGIN); at >= 0; ) {
    const next = text.indexOf(BEGIN, at + BEGIN.length);
    for (; counted < at; counted++) if (text.charCodeAt(counted) === 10) line++;
    blocks.push(readBlock(text.slice(at, next < 0 ? text.length : next), line));
    if (blocks.length > MAX_BLOCKS) return undefined;
    at = next;
  }
  return blocks;
}

function readBlock(text: string, line: number): Block {
  const label = /^-----BEGIN ([\x20-\x7e]{1,60}?)-----/.exec(text)?.[1];
  const broken = (malformed: string): Block => ({ label, line, bytes: undefined, headers: NO_HEADERS, malformed });
  if (label === undefined) return broken('its BEGIN line is malformed');
  const start = BEGIN.length + label.length + 5;
  const end = text.indexOf('-----END ', start);
  if (end < 0) return broken('its END line is missing');
  if (!text.startsWith(`-----END ${label}-----`, end)) return broken('its END line has another label');
  const { headers, body } = splitHeaders(text.slice(start, end));
  if (headers.get('Proc-Type')?.endsWith('ENCRYPTED'))
    return { label, line, bytes: undefined, headers, malformed: undefined };
  try {
    const [block] = decodePem(`${BEGIN}X-----${body}-----END X-----`);
    if (block === undefined || block.bytes.length === 0) return broken('it is empty');
    return { label, line, bytes: block.bytes, headers, malformed: undefined };
  } catch (error) {
    return broken(messageOf(error) === 'malformed PEM block' ? 'it holds more than base64' : messageOf(error));
  }
}

/** Headers are lines with a colon, up to an empty line (RFC 1421 §4.4). */
function splitHeaders(body: string): { headers: ReadonlyMap<string, string>; body: string } {
  const match = /^\s*((?:[A-Za-z-]{1,40}:[^\n]*\n)+)\s*\n/.exec(body);
  if (match === null) return { headers: NO_HEADERS, body };
  const headers = new Map<string, string>();
  for (const line of (match[1] as string).trim().split('\n')) {
    const colon = line.indexOf(':');
    headers.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return { headers, body: body.slice(match[0].length) };
}
