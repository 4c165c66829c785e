import type { Ui } from '../../ui/ui.ts';
import type { finishRollover } from '../finish.ts';
import type { Standing } from '../planning/proof.ts';
import { subjectText } from '../planning/subject.ts';

/** Services that a warning names. */
const NAMED = 5;

/** What a step rests on that is less than a handshake. */
export function warnOfWeaker(ui: Pick<Ui, 'warn'>, weaker: readonly Standing[]): void {
  for (const by of ['agent', 'file', 'declared'] as const) {
    const these = weaker.filter(({ provenBy }) => provenBy === by).map(({ subject }) => subjectText(subject));
    if (these.length === 0) continue;
    const more = these.length > NAMED ? ` and ${these.length - NAMED} more` : '';
    const how = { agent: 'what its agent says', file: 'its files', declared: "an operator's word" }[by];
    ui.warn(`known by ${how}, not by a handshake: ${these.slice(0, NAMED).join('; ')}${more}`);
  }
}

/** Where copies of the destroyed keys may be left. */
export function warnOfCopies(
  ui: Pick<Ui, 'warn'>,
  { backups, tokens, slots }: Awaited<ReturnType<typeof finishRollover>>,
): void {
  for (const { id, at } of backups)
    ui.warn(`the backup ${id} of ${at} holds the keys that were destroyed: destroy it too`);
  for (const uri of tokens)
    ui.warn(`a key of the old root's is in a token, which is not ours to clear: destroy it there: ${uri}`);
  if (slots.length > 0)
    ui.warn(`the root domain keeps its master key: the slots ${slots.join(', ')} would be lost by a new one`);
}
