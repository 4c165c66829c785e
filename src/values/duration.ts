const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, y: 365 * 86_400 };

/** The longest duration that is read, in seconds: 200 years. */
export const LONGEST = 200 * 365 * 86_400;

/** Reads `90d`, `12h`, `30m`, `45s`, `10y` (365 days a year). @returns seconds, at least 1; undefined for anything else */
export function parseDuration(text: string): number | undefined {
  const match = /^([1-9]\d{0,8})([smhdy])$/.exec(text);
  if (match === null) return undefined;
  const seconds = Number(match[1]) * (UNITS[match[2] as string] as number);
  return seconds <= LONGEST ? seconds : undefined;
}

/** A duration in its largest whole unit: 7776000 → `90d`. */
export function formatDuration(seconds: number): string {
  for (const unit of ['y', 'd', 'h', 'm'])
    if (seconds % (UNITS[unit] as number) === 0) return `${seconds / (UNITS[unit] as number)}${unit}`;
  return `${seconds}s`;
}
