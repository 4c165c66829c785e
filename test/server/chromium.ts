import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { program } from '../support/debian.ts';

/** How long the browser may take for one command before that is a failure. */
const PATIENCE = 60_000;

interface Message {
  id?: number;
  method?: string;
  result?: unknown;
  error?: { message: string };
}

/** A headless Chromium with one page, spoken to over the DevTools protocol on a pipe. */
export class Chromium {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  readonly #loaded: (() => void)[] = [];
  #session: string | undefined;
  #count = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    let rest = '';
    (child.stdio[4] as NodeJS.ReadableStream).on('data', (chunk: Buffer) => {
      const parts = (rest + chunk.toString()).split('\0');
      rest = parts.pop() ?? '';
      for (const part of parts) this.#heard(JSON.parse(part) as Message);
    });
  }

  /** @param profile an empty directory */
  static async start(profile: string, ...flags: string[]): Promise<Chromium> {
    const child = spawn(
      program('chromium'),
      [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--remote-debugging-pipe',
        `--user-data-dir=${profile}`,
        ...flags,
      ],
      { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
    );
    const browser = new Chromium(child);
    const { targetId } = (await browser.send('Target.createTarget', { url: 'about:blank' })) as { targetId: string };
    const attached = await browser.send('Target.attachToTarget', { targetId, flatten: true });
    browser.#session = (attached as { sessionId: string }).sessionId;
    await browser.send('Page.enable');
    return browser;
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  /** A command of the protocol. @throws what the browser says against it, or that it says nothing */
  send(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#count;
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
    (this.#child.stdio[3] as NodeJS.WritableStream).write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method}: no answer`)), PATIENCE);
      this.#waiting.set(id, {
        resolve: (result) => {
          clearTimeout(timer);
          resolve(result);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  }

  /** Opens a page. @returns why it could not be had; '' when it could */
  async open(url: string): Promise<string> {
    const loaded = new Promise<void>((resolve) => this.#loaded.push(resolve));
    const { errorText = '' } = (await this.send('Page.navigate', { url })) as { errorText?: string };
    await loaded;
    return errorText;
  }

  /** The value of an expression in the page, which itself runs no script. */
  async value<T>(expression: string): Promise<T> {
    const answer = await this.send('Runtime.evaluate', { expression, returnByValue: true });
    const { result, exceptionDetails } = answer as { result: { value: T }; exceptionDetails?: { text: string } };
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.text);
    return result.value;
  }

  async size(width: number, height: number): Promise<void> {
    await this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
  }

  async scheme(value: 'light' | 'dark'): Promise<void> {
    await this.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value }] });
  }

  async press(key: string, code: number): Promise<void> {
    for (const type of ['rawKeyDown', 'keyUp'])
      await this.send('Input.dispatchKeyEvent', { type, key, code: key, windowsVirtualKeyCode: code });
  }

  #heard({ id, method, result, error }: Message): void {
    if (method === 'Page.loadEventFired') for (const done of this.#loaded.splice(0)) done();
    const waiting = id === undefined ? undefined : this.#waiting.get(id);
    if (id === undefined || waiting === undefined) return;
    this.#waiting.delete(id);
    if (error === undefined) waiting.resolve(result);
    else waiting.reject(new Error(error.message));
  }
}
