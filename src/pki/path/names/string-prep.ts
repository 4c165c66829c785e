const SPACES = /[\t-\r\u0085\p{Z}]+/gu;
/** What RFC 4518 §2.2 maps to nothing: controls, format characters, variation selectors. */
const DROPPED = /\p{Cc}|\p{Cf}|\u034f|[\ufe00-\ufe0f]/gu;
const PLAIN = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/;

/**
 * The form in which two attribute values are compared (RFC 5280 §7.1, RFC 4518): case folded, NFKC, runs of white
 * space as one space, none at the ends. It holds no control character.
 */
export function prepareString(text: string): string {
  if (PLAIN.test(text)) return text.toLowerCase();
  const mapped = text.replace(SPACES, ' ').replace(DROPPED, '').normalize('NFKC');
  let folded = '';
  for (const character of mapped) folded += character.toUpperCase().toLowerCase();
  return folded.normalize('NFKC').replace(SPACES, ' ').trim();
}
