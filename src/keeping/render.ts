import type { SlotObject } from '../inspecting/keystore-document.ts';
import { paragraph } from '../ui/text/lines.ts';
import type { Style } from '../ui/text/style.ts';
import { table } from '../ui/text/table.ts';
import type { Finding } from './finding.ts';

const OPEN = { true: ', and its keys open', 'in-part': ', and those of its keys that were tried open', false: '' };

export function renderCheck(
  { valid, unsealed, findings }: { valid: boolean; unsealed: boolean | 'in-part'; findings: Finding[] },
  style: Style,
): string {
  const lines = [
    valid ? style.good(`the keystore is whole${OPEN[`${unsealed}`]}`) : style.bad('the keystore is damaged'),
  ];
  for (const { file, problem, hint } of findings)
    lines.push(style.bold(file), ...paragraph(problem, style, 2), ...paragraph(hint, style, 2, style.dim));
  return lines.join('\n');
}

export function renderSlots(slots: SlotObject[], style: Style): string {
  return table(
    slots,
    [
      { header: 'NAME', cell: (slot) => slot.name },
      { header: 'DOMAIN', cell: (slot) => slot.domain },
      { header: 'OPENED BY', cell: (slot) => slot.kind.replace('-', ' ') },
      { header: 'MADE', cell: (slot) => slot.createdAt },
    ],
    style,
  ).join('\n');
}
