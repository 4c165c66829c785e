import { BASH } from './shells/bash.ts';
import { FISH } from './shells/fish.ts';
import { ZSH } from './shells/zsh.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** The scripts: each asks the program itself what may stand at the cursor, so that none goes out of date. */
export const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
