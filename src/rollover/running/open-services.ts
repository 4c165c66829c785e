import type { Ui } from '../../ui/ui.ts';
import type { Standing } from '../planning/proof.ts';
import { subjectText } from '../planning/subject.ts';

/** Services that a warning names. */
const NAMED = 5;

/** Who checks no client certificate, so that a step does not rest on any proof of it in the role `accept`. */
export function warnOfOpen(ui: Pick<Ui, 'warn'>, standings: readonly Standing[]): void {
  const open = standings.filter(({ checksNone }) => checksNone);
  if (open.length === 0) return;
  const named = open.slice(0, NAMED).map(({ subject }) => subjectText(subject));
  const more = open.length > NAMED ? ` and ${open.length - NAMED} more` : '';
  ui.warn(`no client certificate is checked, so that there is no trust to prove, by: ${named.join('; ')}${more}`);
}
