import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll } from '@jest/globals';
import { CLUSTER_CA, run } from '../support/cli.ts';
import { program } from '../support/debian.ts';

export interface ScreenOptions {
  env: Record<string, string>;
  cwd: string;
  width?: number;
  height?: number;
  /** TERM, as the program sees it. */
  term?: string;
}

const opened: Screen[] = [];
afterAll(() => Promise.all(opened.map((screen) => screen.end())));

/** A real terminal with the tool in it: a tmux session of its own server. */
export class Screen {
  readonly #socket = `cluster-ca-${randomBytes(6).toString('hex')}`;

  /** Starts a command line of the tool; `$?` is shown when it ends. */
  static start(args: string[], options: ScreenOptions): Promise<Screen> {
    const words = [process.execPath, CLUSTER_CA, ...args].map((word) => `'${word}'`).join(' ');
    return Screen.open(['sh', '-c', `${words}; echo "exit $?"; sleep 600`], options);
  }

  /** Starts any program. */
  static async open(command: string[], options: ScreenOptions): Promise<Screen> {
    const screen = new Screen();
    opened.push(screen);
    const { env, cwd, width = 80, height = 60, term = 'tmux-256color' } = options;
    const variables = Object.entries({ PATH: process.env.PATH, LC_ALL: 'C.UTF-8', ...env, TERM: term }).map(
      ([name, value]) => `${name}=${value}`,
    );
    const size = ['-x', String(width), '-y', String(height)];
    const words = ['env', '-i', ...variables, ...command];
    await screen.#tmux('-f', '/dev/null', 'new-session', '-d', ...size, '-c', cwd, ...words);
    return screen;
  }

  async end(): Promise<void> {
    await run(program('tmux'), ['-L', this.#socket, 'kill-server']);
  }

  /** Types text as it is. */
  type(text: string): Promise<string> {
    return this.#tmux('send-keys', '-l', text);
  }

  /** Presses a key by tmux's name for it: Enter, C-c, Down. */
  press(...keys: string[]): Promise<string> {
    return this.#tmux('send-keys', ...keys);
  }

  /** Everything shown so far, a line that the terminal has wrapped as one. */
  text(): Promise<string> {
    return this.#tmux('capture-pane', '-p', '-J', '-S', '-');
  }

  /** The same with its colours, as escape sequences. */
  coloured(): Promise<string> {
    return this.#tmux('capture-pane', '-p', '-e', '-J', '-S', '-');
  }

  /** Waits until it shows something. @throws with what it shows, when that takes too long */
  async waitFor(what: RegExp): Promise<string> {
    for (let tries = 0; tries < 300; tries++) {
      const text = await this.text();
      if (what.test(text)) return text;
      await sleep(100);
    }
    throw new Error(`the terminal does not show ${what}:\n${await this.text()}`);
  }

  /** Waits for a question, then types the answer and Enter. */
  async answer(question: RegExp, text: string): Promise<void> {
    await this.waitFor(question);
    // The question is on the screen a moment before the echo is off.
    await sleep(150);
    if (text !== '') await this.type(text);
    await this.press('Enter');
  }

  async #tmux(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await run(program('tmux'), ['-L', this.#socket, ...args]);
    if (code !== 0) throw new Error(`tmux ${args[0]}: ${stderr}`);
    return stdout;
  }
}
