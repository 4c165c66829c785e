import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { endAtInterrupt } from './interrupt.ts';
import type { Prompts } from './prompts.ts';
import { createStyle } from './style.ts';
import { progressLine, stepLine } from './text/progress.ts';
import { safeJson, safeText } from './text/safe.ts';
import { documentText } from './text/spooled-list.ts';
import type { Paint, Style } from './text/style.ts';
import { wrap } from './text/wrap.ts';

export interface UiOptions {
  json: boolean;
  noInput: boolean;
  quiet: boolean;
  color: boolean;
  debug: boolean;
  env: Record<string, string | undefined>;
}

/** Back to the start of the line, and nothing behind. */
const WIPE = '\r\x1b[K';
/** Milliseconds between two drawings. */
const TICK = 250;

/** A document as `--json` prints it; `schemaVersion` and `warnings` are added. */
export type Document = Record<string, unknown>;

/**
 * The terminal's rules, written once: stdout carries the result and nothing else; progress, warnings, questions and
 * errors go to stderr; under --json warnings are part of the document, and stderr carries at most one error object.
 */
export class Ui {
  readonly options: UiOptions;
  readonly #warnings: string[] = [];
  #progressSince: number | undefined;
  #progressShown = 0;
  /** The bar's work: how far it is, when it began, and what was done already then. */
  #bar: { label: string; done: number; total: number; since: number; from: number } | undefined;
  /** What `progress` told last, and when that began. */
  #step: { text: string; since: number } | undefined;
  /** Draws anew while nothing new is told, so that what takes long is seen to be going on. */
  #ticker: NodeJS.Timeout | undefined;

  constructor(options: UiOptions) {
    this.options = options;
    for (const stream of [process.stdout, process.stderr])
      stream.on('error', (error: NodeJS.ErrnoException) => {
        // The reader went away (| head): that ends quietly, whatever is still to be written.
        if (error.code !== 'EPIPE') throw error;
      });
    endAtInterrupt((error) => {
      this.endProgress();
      this.error(error);
    });
  }

  /** Prints the result: the document under --json, else its text, whole or line by line. */
  result(document: object, text: (style: Style) => string | Iterable<string>): void {
    if (this.options.json) {
      const warnings = this.#warnings.length === 0 ? {} : { warnings: this.#warnings };
      let text = '';
      for (const piece of documentText({ schemaVersion: 1, ...document, ...warnings }))
        if (typeof piece === 'string') text += piece;
        else {
          process.stdout.write(text);
          process.stdout.write(piece);
          text = '';
        }
      process.stdout.write(`${text}\n`);
      return;
    }
    this.endProgress();
    const out = text(this.style('stdout'));
    if (typeof out !== 'string') printLines(out);
    else if (out !== '') process.stdout.write(out.endsWith('\n') ? out : `${out}\n`);
  }

  /** Prints octets as they are: PEM, DER. */
  raw(bytes: string | Uint8Array): void {
    process.stdout.write(bytes);
  }

  /** What the user should know, though it stops nothing. Each is said once. */
  warn(message: string): void {
    if (this.#warnings.includes(message)) return;
    this.#warnings.push(message);
    if (!this.options.json) this.#sayLabelled(this.#style().warn, 'cluster-ca: warning:', message);
  }

  /** What was done, and what comes next; not under --quiet. */
  note(text: string): void {
    if (!this.options.json && !this.options.quiet) this.#say(text);
  }

  /** A screen of a wizard, between its questions and where they are. */
  screen(lines: readonly string[]): void {
    this.#say(lines.join('\n'));
  }

  /**
   * What long work has come to, in one line; on a terminal only, once the work has taken a second, ten times a second at
   * most. What was told last stays until `endProgress`, with the seconds that it takes.
   */
  progress(text: string): void {
    this.#bar = undefined;
    if (text !== this.#step?.text) this.#step = { text, since: performance.now() };
    this.#tick();
  }

  /**
   * As `progress`, with a bar, the rate and the time that is left. Call it when the work begins, as often as you like,
   * and `endProgress` at the end: what is drawn last is not wiped before. Another label is other work, with its own rate.
   * @param label what is being done, in one word or two: `issuing`
   */
  progressBar(done: number, total: number, label: string): void {
    const { since, from } = this.#bar?.label === label ? this.#bar : { since: performance.now(), from: done };
    this.#bar = { label, done, total, since, from };
    this.#tick();
  }

  #tick(): void {
    this.#ticker ??= setInterval(() => this.#drawProgress(), TICK).unref();
    this.#drawProgress();
  }

  #drawProgress(): void {
    if (!this.#progressIsDue()) return;
    const style = this.#style();
    const now = performance.now();
    if (this.#bar !== undefined) {
      const { label, done, total, since, from } = this.#bar;
      const elapsed = now - since;
      this.#showProgress(progressLine({ done, total, label, elapsed, sinceStart: done - from }, style));
    } else if (this.#step !== undefined) this.#showProgress(stepLine(this.#step.text, now - this.#step.since, style));
  }

  /** Wipes the line of progress. */
  endProgress(): void {
    this.#wipeProgress();
    this.#progressSince = undefined;
    this.#bar = undefined;
    this.#step = undefined;
    clearInterval(this.#ticker);
    this.#ticker = undefined;
  }

  #wipeProgress(): void {
    if (this.#progressShown > 0) process.stderr.write(WIPE);
    this.#progressShown = 0;
  }

  #progressIsDue(): boolean {
    if (this.options.json || this.options.quiet || process.stderr.isTTY !== true) return false;
    if (this.options.env.TERM === 'dumb') return false;
    const now = performance.now();
    this.#progressSince ??= now;
    return now - this.#progressSince >= 1000 && now - this.#progressShown >= 100;
  }

  #showProgress(line: string): void {
    this.#progressShown = performance.now();
    process.stderr.write(`${WIPE}${line}`);
  }

  /** The error, in one place and one form. */
  error(error: ClusterCaError | Error): void {
    this.endProgress();
    const known = isClusterCaError(error);
    if (this.options.json) {
      const { code, hint, details } = known ? error : { code: 'ERR_INTERNAL', hint: undefined, details: undefined };
      const document = {
        schemaVersion: 1,
        error: { code, message: error.message, hint, details },
        exitCode: known ? error.exitCode : 1,
      };
      process.stderr.write(`${safeJson(document)}\n`);
      return;
    }
    const style = this.#style();
    this.#sayLabelled(style.bad, 'cluster-ca: error:', error.message);
    if (known && error.hint !== undefined) this.#sayLabelled(style.accent, 'cluster-ca: hint:', error.hint);
    if (this.options.debug) this.#say(safeStack(error));
  }

  /** The questions, loaded when the first is asked. Ask `interactive` before. */
  async prompts(): Promise<Prompts> {
    this.endProgress();
    return (await import('./prompts.ts')).createPrompts(this.style('stderr'));
  }

  /** True when a question may be asked on a screen that somebody sees: what a wizard needs. */
  get conversational(): boolean {
    return this.interactive && process.stderr.isTTY === true && this.options.env.TERM !== 'dumb';
  }

  /** The style of the result's text, of `result`'s terminal or of the questions'. */
  style(stream: 'stdout' | 'stderr'): Style {
    return createStyle(process[stream], this.options.env, { color: this.options.color });
  }

  /** True when a question may be asked. */
  get interactive(): boolean {
    return !this.options.noInput && !this.options.json && process.stdin.isTTY === true;
  }

  /**
   * Asks y/N before a moderate thing.
   * @throws ERR_INPUT_REQUIRED without a terminal and without --yes; ERR_CANCELLED when declined
   */
  async confirm(question: string, yes: boolean): Promise<void> {
    if (yes) return;
    if (!this.interactive)
      throw new ClusterCaError('ERR_INPUT_REQUIRED', `not done without a yes: ${question}`, { hint: 'add --yes' });
    const { confirm } = await this.prompts();
    if (!(await confirm(question))) throw new ClusterCaError('ERR_CANCELLED', 'nothing was changed: you said no');
  }

  /**
   * Asks for the cluster's name before a severe thing.
   * @throws ERR_INPUT_REQUIRED, ERR_CANCELLED
   */
  async confirmByName(question: string, cluster: string, given: string | undefined): Promise<void> {
    if (given === cluster) return;
    if (given !== undefined)
      throw new ClusterCaError('ERR_CANCELLED', `--confirm says ${given}, but the cluster is ${cluster}`);
    if (!this.interactive)
      throw new ClusterCaError('ERR_INPUT_REQUIRED', `not done without the cluster's name: ${question}`, {
        hint: `add --confirm ${cluster}`,
      });
    const { ask } = await this.prompts();
    if ((await ask(`${question}. Type the cluster's name (${cluster}):`)) !== cluster)
      throw new ClusterCaError('ERR_CANCELLED', "nothing was changed: that is not the cluster's name");
  }

  #say(line: string): void {
    this.#wipeProgress();
    process.stderr.write(`${line}\n`);
  }

  /**
   * A message in one line; on a terminal it is broken between words, unless it holds a command: that is for copying,
   * and the terminal itself breaks it where it must.
   */
  #sayLabelled(paint: Paint, label: string, message: string): void {
    const text = `${label} ${safeText(message)}`;
    const wrapped = process.stderr.isTTY === true && !/cluster-ca [a-z]|--[a-z]/.test(message);
    const [first = '', ...more] = wrapped ? wrap(text, this.#style().width) : [text];
    this.#say([paint(label) + first.slice(label.length), ...more].join('\n'));
  }

  #style(): Style {
    return this.style('stderr');
  }
}

/** Characters that are written at a time. */
const AT_ONCE = 64 * 1024;

function printLines(lines: Iterable<string>): void {
  let text = '';
  for (const line of lines) {
    text += `${line}\n`;
    if (text.length < AT_ONCE) continue;
    process.stdout.write(text);
    text = '';
  }
  process.stdout.write(text);
}

/** A stack without the message, which may quote input. */
function safeStack(error: Error): string {
  const stack = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  const cause =
    error.cause instanceof Error ? `\ncaused by ${safeText(error.cause.message)}\n${safeStack(error.cause)}` : '';
  return stack.join('\n') + cause;
}
