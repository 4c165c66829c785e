/**
 * The parameters of a libpq connection string: `key = value` with quotes and backslashes, or a URI, of which what is
 * behind the question mark.
 * @returns undefined for what libpq would not take either
 */
export function readConninfo(text: string): Map<string, string> | undefined {
  if (/^postgres(ql)?:\/\//.test(text)) {
    const query = text.split('#')[0]?.split('?')[1] ?? '';
    return new Map(new URLSearchParams(query.replaceAll('+', '%2B')));
  }
  const found = new Map<string, string>();
  const pair = /\s*([A-Za-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?=\s|$)/sy;
  while (pair.lastIndex < text.trimEnd().length) {
    const match = pair.exec(text);
    if (match === null) return undefined;
    const [, name = '', quoted, plain = ''] = match;
    found.set(name, (quoted ?? plain).replace(/\\(.)/gs, '$1'));
  }
  return found;
}

/** As one string, every value quoted. */
export function writeConninfo(parameters: ReadonlyMap<string, string>): string {
  return [...parameters].map(([name, value]) => `${name}='${value.replace(/[\\']/g, '\\$&')}'`).join(' ');
}
