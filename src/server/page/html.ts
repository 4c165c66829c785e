import { safeText } from '../../ui/text/safe.ts';

/** Text that is HTML already: made by `html`, or a constant of ours. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | number | Html | readonly (string | number | Html)[];

/** HTML in which everything that is put in is escaped, unless it was made by this function itself. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  const [first = '', ...rest] = strings;
  return new Html(first + rest.map((text, i) => put(parts[i] as Part) + text).join(''));
}

function put(part: Part): string {
  if (Array.isArray(part)) return part.map(put).join('');
  if (part instanceof Html) return part.text;
  return escaped(String(part));
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Control and direction characters become visible too: a name cannot look like another. */
function escaped(text: string): string {
  return safeText(text).replaceAll(/[&<>"']/g, (character) => ENTITIES[character] as string);
}
