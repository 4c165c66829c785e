import { parseDuration } from './duration.ts';

const RFC3339 = /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d(?:\.\d{1,9})?)([Zz]|[+-]\d\d:\d\d)$/;

/** Reads RFC 3339 with fraction or offset, a bare date (00:00Z), or `+60d` from now. Undefined for anything else. */
export function parseTimeArgument(text: string, now: Date): Date | undefined {
  if (text.startsWith('+')) {
    const seconds = parseDuration(text.slice(1));
    return seconds === undefined ? undefined : new Date(now.getTime() + seconds * 1000);
  }
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return realDate(`${text}T00:00:00Z`, text);
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  return realDate(`${match[1]}T${match[2]}${(match[3] as string).toUpperCase()}`, match[1] as string);
}

/** RFC 3339 in UTC without a fraction, as every output writes times. */
export function formatTime(time: Date | number): string {
  return new Date(time).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** Refuses the 31st of June, which Date would take for the 1st of July. */
function realDate(text: string, day: string): Date | undefined {
  const date = new Date(text);
  const midnight = new Date(`${day}T00:00:00Z`);
  if (Number.isNaN(date.getTime()) || Number.isNaN(midnight.getTime())) return undefined;
  return midnight.toISOString().startsWith(day) ? date : undefined;
}
