import { formatTime } from '../values/time.ts';
import { safeJson, safeText } from './text/safe.ts';
import type { Ui } from './ui.ts';

/**
 * What the daemon tells while it runs: a line on stderr, or, under --json, an object a line on stdout. Never a secret,
 * never more of a request than its route.
 */
export class Journal {
  readonly #ui: Ui;
  readonly #now: () => Date;

  constructor(ui: Ui, now: () => Date) {
    this.#ui = ui;
    this.#now = now;
  }

  say(event: string, fields: Record<string, string | number | boolean | string[] | undefined> = {}): void {
    const at = formatTime(this.#now());
    if (this.#ui.options.json) {
      this.#ui.raw(`${safeJson({ at, event, ...fields }, 0)}\n`);
      return;
    }
    const list = Object.entries(fields).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${safeText(String(value))}`],
    );
    this.#ui.note([at, event, ...list].join(' '));
  }
}
