const RANGES = [
  [0x00, 0x09],
  [0x0b, 0x1f],
  [0x7f, 0x9f],
  [0x61c, 0x61c],
  [0x200e, 0x200f],
  [0x2028, 0x202e],
  [0x2066, 0x2069],
  [0xd800, 0xdfff],
] as const;

/** The characters of an output that a terminal could obey or that reorder text; a newline ends a line and is none. */
export function dangerous(text: string): string[] {
  return [...text].filter((character) => {
    const code = character.codePointAt(0) as number;
    return RANGES.some(([from, to]) => code >= from && code <= to);
  });
}
