import { DerError } from '../der/error.ts';
import type { DerReader } from '../der/reader.ts';
import { boolean, octetString, oid, sequence } from '../der/writer.ts';
import { LIMITS } from '../limits.ts';

/** One extension (RFC 5280 §4.2): `value` is the content of extnValue, itself DER. */
export interface Extension {
  oid: string;
  critical: boolean;
  value: Uint8Array;
}

/** Reads Extensions: at least one, at most 64, no type twice (RFC 5280 §4.2). @throws DerError */
export function readExtensions(reader: DerReader): Extension[] {
  const extensions: Extension[] = [];
  const list = reader.enter();
  do {
    const at = list.offset;
    const extension = readExtension(list.enter());
    if (findExtension(extensions, extension.oid) !== undefined)
      throw new DerError(`extension ${extension.oid} appears twice`, at);
    extensions.push(extension);
    if (extensions.length > LIMITS.extensions) throw new DerError(`more than ${LIMITS.extensions} extensions`, at);
  } while (!list.done);
  return extensions;
}

function readExtension(reader: DerReader): Extension {
  const type = reader.oid();
  // An encoded FALSE is no DER (X.690 §11.5), but some issuers write it, and it changes nothing.
  const critical = reader.peek() === 0x01 && reader.boolean();
  const value = reader.content(0x04);
  reader.end();
  return { oid: type, critical, value };
}

/** The DER of one extension. */
export function encodeExtension(extension: Extension): Uint8Array {
  const value = octetString(extension.value);
  return extension.critical ? sequence(oid(extension.oid), boolean(true), value) : sequence(oid(extension.oid), value);
}

/** The extension of this type, if there is one. */
export function findExtension(extensions: readonly Extension[], type: string): Extension | undefined {
  for (const extension of extensions) if (extension.oid === type) return extension;
  return undefined;
}
