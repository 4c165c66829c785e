/**
 * The plain part of YAML that inventories are written in, read some twenty times faster than by a whole parser: block
 * mappings and lists of strings indented by spaces, flow mappings and lists on one line, strings without escapes and
 * comments on lines of their own. Printable ASCII alone.
 */

/** What such a text says; every scalar is a string. */
export type Plain = string | Plain[] | { [key: string]: Plain };

/** Thrown inside at whatever is not plain. */
const NOT_PLAIN = Symbol('not plain');

/** Flow collections inside each other. */
const DEEPEST = 8;

/** Far shorter than the 1024 characters that YAML allows of a key. */
const KEY = /^([A-Za-z0-9][A-Za-z0-9._@/-]{0,127}):(?: +(.*))?$/;
const FLOW_KEY = /[A-Za-z0-9][A-Za-z0-9._@/-]{0,127}(?=: )/y;
/** A string without quotation marks: nothing that YAML gives a meaning to, and no colon at its end. */
const BARE = /[A-Za-z0-9._/][A-Za-z0-9._/@+:-]*(?<!:)/y;
const QUOTED = /"([ !#-[\]-~]*)"|'([ -&(-~]*)'/y;

/** Reads a text that is plain throughout; undefined for any other, whether it is YAML or not. */
export function readPlain(source: string): Plain | undefined {
  if (!/^[\n -~]*$/.test(source)) return undefined;
  try {
    return new Lines(source).document();
  } catch (error) {
    if (error === NOT_PLAIN) return undefined;
    throw error;
  }
}

interface Line {
  indent: number;
  text: string;
}

class Lines {
  readonly #source: string;
  #at = 0;
  /** The next line that says something; undefined behind the last. */
  #next: Line | undefined;

  constructor(source: string) {
    this.#source = source;
    this.#advance();
  }

  document(): Plain {
    if (this.#next === undefined) throw NOT_PLAIN;
    const value = this.#mapping(0);
    if (this.#next !== undefined) throw NOT_PLAIN;
    return value;
  }

  #advance(): void {
    this.#next = undefined;
    while (this.#at < this.#source.length) {
      const newline = this.#source.indexOf('\n', this.#at);
      const end = newline < 0 ? this.#source.length : newline;
      let from = this.#at;
      while (this.#source[from] === ' ' && from < end) from++;
      const indent = from - this.#at;
      this.#at = end + 1;
      if (from === end || this.#source[from] === '#') continue;
      const text = this.#source.slice(from, end).trimEnd();
      // A comment behind something else, the marks between documents, and a line of a folded string.
      if (text.includes('#') || text.startsWith('---') || text.startsWith('...')) throw NOT_PLAIN;
      this.#next = { indent, text };
      return;
    }
  }

  /** The mapping whose keys are indented by so much. */
  #mapping(indent: number): { [key: string]: Plain } {
    const out: { [key: string]: Plain } = {};
    for (let line = this.#next; line !== undefined && line.indent >= indent; line = this.#next) {
      const match = line.indent === indent ? KEY.exec(line.text) : null;
      if (match === null) throw NOT_PLAIN;
      const [, key = '', rest = ''] = match;
      if (Object.hasOwn(out, key)) throw NOT_PLAIN;
      this.#advance();
      out[key] = rest === '' ? this.#below(indent) : this.#inLine(rest, indent);
    }
    return out;
  }

  /** The value of a key that has nothing behind it on its line. */
  #below(indent: number): Plain {
    const line = this.#next;
    if (line === undefined || line.indent < indent) return '';
    if (line.text.startsWith('- ')) return this.#list(line.indent);
    return line.indent === indent ? '' : this.#mapping(line.indent);
  }

  /** A list of strings; its marks may stand below the first letter of its key. */
  #list(indent: number): Plain[] {
    const out: Plain[] = [];
    for (let line = this.#next; line?.indent === indent && line.text.startsWith('- '); line = this.#next) {
      this.#advance();
      const value = this.#inLine(line.text.slice(2).trimStart(), indent);
      // An item that is itself a list or a mapping may be another thing than it looks like.
      if (typeof value !== 'string') throw NOT_PLAIN;
      out.push(value);
    }
    return out;
  }

  /** A value on its key's line, which no deeper line may go on with. */
  #inLine(text: string, indent: number): Plain {
    if (this.#next !== undefined && this.#next.indent > indent) throw NOT_PLAIN;
    return new Flow(text).whole();
  }
}

class Flow {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Plain {
    const value = this.#value(0);
    if (this.#at !== this.#text.length) throw NOT_PLAIN;
    return value;
  }

  #value(depth: number): Plain {
    if (depth > DEEPEST) throw NOT_PLAIN;
    if (this.#takes('[')) return this.#list(depth);
    if (this.#takes('{')) return this.#mapping(depth);
    return this.#scalar();
  }

  #scalar(): string {
    const quoted = this.#match(QUOTED);
    if (quoted !== undefined) return quoted[1] ?? quoted[2] ?? '';
    const bare = this.#match(BARE);
    if (bare === undefined) throw NOT_PLAIN;
    return bare[0];
  }

  #list(depth: number): Plain[] {
    const out: Plain[] = [];
    this.#spaces();
    if (this.#takes(']')) return out;
    do {
      this.#spaces();
      out.push(this.#value(depth + 1));
      this.#spaces();
    } while (this.#takes(','));
    if (!this.#takes(']')) throw NOT_PLAIN;
    return out;
  }

  #mapping(depth: number): { [key: string]: Plain } {
    const out: { [key: string]: Plain } = {};
    this.#spaces();
    if (this.#takes('}')) return out;
    do {
      this.#spaces();
      const key = this.#match(FLOW_KEY)?.[0];
      if (key === undefined || Object.hasOwn(out, key)) throw NOT_PLAIN;
      this.#at++;
      this.#spaces();
      out[key] = this.#value(depth + 1);
      this.#spaces();
    } while (this.#takes(','));
    if (!this.#takes('}')) throw NOT_PLAIN;
    return out;
  }

  #takes(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #spaces(): void {
    while (this.#text[this.#at] === ' ') this.#at++;
  }

  #match(expression: RegExp): RegExpExecArray | undefined {
    expression.lastIndex = this.#at;
    const match = expression.exec(this.#text);
    if (match === null) return undefined;
    this.#at = expression.lastIndex;
    return match;
  }
}
