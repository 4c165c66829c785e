import type { BoardBlocker, BoardService } from '../../rollover/planning/board.ts';
import { wayOf } from '../../rollover/render/track.ts';
import type { RolloverBoard } from '../../rollover/running/board.ts';
import { type Html, html } from './html.ts';
import { ago, command, MOST_ROWS, table } from './parts.ts';

/** The board of a rollover: the phases, who blocks and what helps, what is known of each service. Nothing without one. */
export function rolloverSection(board: RolloverBoard | undefined, now: number): Html {
  if (board === undefined) return html``;
  const { phase, since, trust, issuer, nextStep, excluded } = board;
  const out = excluded.length === 0 ? html`` : html`<p>Left out: ${excluded.map(({ node }) => node).join(', ')}.</p>`;
  return html`<section aria-labelledby="rollover"><h2 id="rollover">Rollover of the CA</h2>
${track(board)}
<p>In <strong>${phase}</strong> since ${since === undefined ? '–' : ago(since, now)}: ${trust.join(' and ')} trusted, certificates of the ${issuer} root. Next: ${nextStep}.</p>${out}
${blockers(board)}
${services(board, now)}
</section>
`;
}

/** The phases in a line; where it stands is said in words too. */
function track(board: RolloverBoard): Html {
  const way = wayOf(board);
  const at = way.indexOf(board.phase);
  const steps = way.map((name, i) =>
    i === at
      ? html`<li aria-current="step">${name}</li>`
      : html`<li class="${i < at ? 'behind' : 'ahead'}">${name}</li>`,
  );
  return html`<ol class="track" aria-label="phases">${steps}</ol>`;
}

function blockers({ blockers: all, blocking }: RolloverBoard): Html {
  if (all.length === 0) return html`<p>Nobody blocks the next step.</p>`;
  const who = blocking.length === 0 ? 'The next step is blocked.' : `The next step is blocked by ${blocking.length}.`;
  return html`<p class="warning">${who}</p>${table(
    'Who blocks',
    ['Who', 'Why', 'What helps', 'Guard'],
    all.slice(0, MOST_ROWS).map((one: BoardBlocker) => ({
      head: html`${one.node ?? '–'}`,
      cells: [html`<span>${one.reason}</span>`, html`<code>${command(one.hint)}</code>`, html`${one.guard}`],
    })),
    all.length,
  )}`;
}

function services({ services: all }: RolloverBoard, now: number): Html {
  if (all.length === 0) return html``;
  return table(
    'Services',
    ['Name', 'Service', 'Role', 'Trusts', 'Shows', 'Known by'],
    all.slice(0, MOST_ROWS).map((one) => ({
      head: html`${one.kind === 'node' ? one.node : `${one.kind} ${one.node}`}`,
      cells: [
        html`<span>${one.service ?? '–'}</span>`,
        html`${one.role}`,
        html`${trusts(one)}`,
        html`${one.serves ?? '?'}`,
        knownBy(one, now),
      ],
    })),
    all.length,
  );
}

function trusts({ trustsOld, trustsNew, checksNone }: BoardService): string {
  if (checksNone) return 'anybody';
  const side = (name: string, known: boolean | undefined): string[] =>
    known === undefined ? [`${name}?`] : known ? [name] : [];
  return [...side('old', trustsOld), ...side('new', trustsNew)].join(', ') || 'neither';
}

function knownBy({ provenBy, provenAt, how, error }: BoardService, now: number): Html {
  if (provenBy === undefined) return html`<span class="warning">${error ?? 'nothing yet'}</span>`;
  const why = provenBy === 'file' && how !== undefined ? `: ${how}` : '';
  return html`<span>${provenBy}${provenAt === undefined ? '' : html`, ${ago(provenAt, now)}`}${why}</span>`;
}
