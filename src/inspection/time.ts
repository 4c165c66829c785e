/** RFC 3339 in UTC with whole seconds, as every JSON document has it: `2026-11-25T15:00:00Z`. */
export function rfc3339(milliseconds: number): string {
  if (last?.milliseconds !== milliseconds) last = { milliseconds, text: written(milliseconds) };
  return last.text;
}

/** The last time written: lists have the same one over and over. */
let last: { milliseconds: number; text: string } | undefined;

function written(milliseconds: number): string {
  return `${new Date(Math.floor(milliseconds / 1000) * 1000).toISOString().slice(0, -5)}Z`;
}
