import { Chalk, type ColorSupportLevel } from 'chalk';
import { type Paint, plainStyle, type Style } from './text/style.ts';

/** What is written to: `process.stdout` or `process.stderr`. */
export interface Terminal {
  isTTY?: boolean | undefined;
  columns?: number | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const NARROWEST = 40;

/**
 * The style for a stream: colour only on a terminal, and neither under NO_COLOR, TERM=dumb nor `--no-color`
 * (`color: false`); the terminal's width, none in a pipe; Unicode where the locale says UTF-8.
 */
export function createStyle(stream: Terminal, env: Environment, options: { color?: boolean } = {}): Style {
  const level = colorLevel(stream, env, options.color ?? true);
  const layout = { width: widthOf(stream), unicode: isUtf8(env) };
  if (level === 0) return { ...plainStyle, ...layout };
  const chalk = new Chalk({ level });
  // chalk writes all its arguments: without this, `lines.map(style.bad)` would print each line's index too.
  const one =
    (paint: Paint): Paint =>
    (text) =>
      paint(text);
  const common = { ...layout, bold: one(chalk.bold) };
  if (level === 1)
    return {
      ...common,
      dim: one(chalk.dim),
      good: one(chalk.green),
      warn: one(chalk.yellow),
      bad: one(chalk.red.bold),
      accent: one(chalk.cyan),
    };
  // Middle tones of the 256: each has a contrast of about 4:1 or more on black and on white alike.
  return {
    ...common,
    dim: one(chalk.ansi256(244)),
    good: one(chalk.ansi256(28)),
    warn: one(chalk.ansi256(130)),
    bad: one(chalk.ansi256(160).bold),
    accent: one(chalk.ansi256(31)),
  };
}

/** Whoever reads from a pipe or a file wants every column and each line whole: nothing there has a width. */
function widthOf(stream: Terminal): number {
  if (stream.isTTY !== true) return Number.POSITIVE_INFINITY;
  return Math.max(NARROWEST, stream.columns || plainStyle.width);
}

/** Decided here and not by chalk, whose own detection does not know NO_COLOR and reads the command line. */
function colorLevel(stream: Terminal, env: Environment, wanted: boolean): ColorSupportLevel {
  if (!wanted || stream.isTTY !== true || (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb') return 0;
  return (env.COLORTERM ?? '') !== '' || /256|direct|kitty|ghostty|alacritty|wezterm/.test(env.TERM ?? '') ? 2 : 1;
}

/** By the first of LC_ALL, LC_CTYPE and LANG that is set, as setlocale(3) has it. */
function isUtf8(env: Environment): boolean {
  const locale = [env.LC_ALL, env.LC_CTYPE, env.LANG].find((value) => value !== undefined && value !== '');
  return /\.utf-?8(@|$)/i.test(locale ?? '');
}
