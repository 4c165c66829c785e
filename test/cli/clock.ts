const UNITS: Record<string, number> = { s: 1e3, m: 60e3, h: 3600e3, d: 86400e3 };

/** Milliseconds of `90d`, `12h`, `30m`, `45s`. */
export function span(text: string): number {
  const found = /^(-?\d+)([smhd])$/.exec(text);
  if (!found) throw new Error(`not a span: ${text}`);
  return Number(found[1]) * (UNITS[found[2] ?? ''] ?? Number.NaN);
}

/** An environment in which the tool's clock stands this far from now (`31d`, `-2h`). */
export function clock(offset: string): { NODE_OPTIONS: string } {
  const source =
    `const R=Date,o=${span(offset)};` +
    'globalThis.Date=class Date extends R{constructor(...a){a.length?super(...a):super(R.now()+o)}' +
    'static now(){return R.now()+o}}';
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(source)}` };
}
