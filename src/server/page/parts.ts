import { relativeTime } from '../../ui/text/duration.ts';
import { type Html, html } from './html.ts';

/** Rows of a table: more is for the API. */
export const MOST_ROWS = 500;

export function ago(at: string, now: number): Html {
  return html`<time class="whole" datetime="${at}">${relativeTime(Date.parse(at), now)}</time>`;
}

/** A command whose lines break between words alone, not behind a hyphen. */
export function command(text: string): Html {
  return html`${text.split(' ').flatMap((word, i) => [i === 0 ? '' : ' ', html`<span class="whole">${word}</span>`])}`;
}

interface Row {
  head: Html;
  cells: Html[];
}

/** Where it is too narrow for columns each cell says what it is; the roles keep it a table for those who hear it. */
export function table(name: string, [first = '', ...heads]: string[], rows: Row[], all: number): Html {
  const more = all > rows.length ? html`<p class="quiet">${rows.length} of ${all} are shown.</p>` : html``;
  const columns = [first, ...heads].map((head) => html`<th role="columnheader" scope="col">${head}</th>`);
  const body = rows.map(({ head, cells }) => {
    const rest = cells.map((cell, i) => html`<td role="cell" data-head="${heads[i] ?? ''}">${cell}</td>`);
    return html`<tr role="row">
<th role="rowheader" scope="row">${head}</th>${rest}</tr>`;
  });
  return html`<div class="wide" tabindex="0" role="region" aria-label="${name}: the table"><table role="table"><thead role="rowgroup"><tr role="row">${columns}</tr></thead><tbody role="rowgroup">${body}</tbody></table></div>${more}`;
}
