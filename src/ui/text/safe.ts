import type { Style } from './style.ts';

/**
 * What can move the cursor, change colours, write the clipboard, reorder or hide text: C0, DEL, C1, line and
 * paragraph separators, every format character (bidi controls, zero-width characters, tags) and lone surrogates.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

const NOT_ASCII = /[^\x20-\x7e]/gu;

/** The characters of `UNSAFE` without C0, which JSON.stringify has escaped already and itself uses to indent. */
const UNSAFE_IN_JSON = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * Text from a certificate, a file name or a server, made safe to print: what a terminal could obey, and what could
 * hide or reorder text, becomes a visible escape such as `\u{9b}`. A newline too: the result is always one line.
 *
 * Without `unicode` everything beyond ASCII is escaped: a terminal of another encoding reads the octets of UTF-8 one
 * by one, and there `\xc3\x9b` holds the control character 9B.
 */
export function safeText(text: string, { unicode }: Pick<Style, 'unicode'> = { unicode: true }): string {
  if (unicode) return text.replace(UNSAFE, visible);
  return text.replaceAll('§', 'section ').replace(NOT_ASCII, visible);
}

function visible(character: string): string {
  return `\\u{${(character.codePointAt(0) as number).toString(16)}}`;
}

/**
 * JSON, indented by two unless said, in which the characters that `safeText` escapes are `\uXXXX`. It parses to the
 * same value as the plain JSON does.
 */
export function safeJson(value: unknown, indent = 2): string {
  const json = JSON.stringify(value, null, indent);
  // Most documents are ASCII throughout, and a large one is looked through much faster for that.
  if (/^[\n -~]*$/.test(json)) return json;
  return json.replace(UNSAFE_IN_JSON, (character) => {
    let escaped = '';
    for (let i = 0; i < character.length; i++) escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`;
    return escaped;
  });
}

/**
 * Text in a list, told apart from its neighbours: safe, and in double quotes when it holds a space, a comma or a
 * quote, so that one name cannot look like two.
 */
export function safeItem(text: string, style?: Pick<Style, 'unicode'>): string {
  const safe = safeText(text, style);
  return safe === '' || /[\s,"]/u.test(safe) ? `"${safe.replace(/["\\]/g, '\\$&')}"` : safe;
}
