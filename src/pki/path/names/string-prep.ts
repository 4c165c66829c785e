const SPACES = /[\t-\r\u0085\p{Z}]+/gu;
/** What RFC 4518 §2.2 maps to nothing: controls, format characters, variation selectors. */
const DROPPED = /\p{Cc}|\p{Cf}|\u034f|[\ufe00-\ufe0f]/gu;
/** Upper case makes an `i` of it, but RFC 3454 table B.2 leaves it alone: of what Unicode 3.2 has, this letter only. */
const DOTLESS_I = '\u0131';
const PLAIN = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/;

/**
 * The form in which two attribute values are compared (RFC 5280 §7.1, RFC 4518): case folded, NFKC, runs of white
 * space as one space, none at the ends. It holds no control character.
 */
export function prepareString(text: string): string {
  if (PLAIN.test(text)) return text.toLowerCase();
  const mapped = text.replace(SPACES, ' ').replace(DROPPED, '').normalize('NFKC');
  let folded = '';
  for (const character of mapped) folded += foldCase(character);
  return folded.normalize('NFKC').replace(SPACES, ' ').trim();
}

/** RFC 4518 §2.2 with RFC 3454 table B.2. */
function foldCase(character: string): string {
  return character === DOTLESS_I ? character : character.toUpperCase().toLowerCase();
}
