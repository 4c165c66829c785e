import type { ChildProcess } from 'node:child_process';
import type { Executed, Limits } from './execution.ts';
import { Framed } from './framed.ts';
import { newMark } from './program.ts';
import { request } from './scripts.ts';

/** The far side's end of a login, which does one script after the other: no session has to be made for each. */
export class Agent {
  readonly #ssh: ChildProcess;
  #last: Promise<unknown> = Promise.resolve();
  #lost = false;

  /** @param ssh in which scripts.ts's AGENT is to run */
  constructor(ssh: ChildProcess) {
    this.#ssh = ssh;
    for (const event of ['close', 'error'])
      ssh.once(event, () => {
        this.#lost = true;
      });
  }

  /**
   * Waits until it is there.
   * @param mark that it was given
   * @param timeout milliseconds
   * @returns what came instead
   */
  async begins(mark: string, timeout: number): Promise<{ instead?: 'lost' | 'late'; noise: string }> {
    const output = new Framed(mark, 0);
    const outcome = await this.#hear(timeout, (chunk) => {
      output.push(chunk);
      return output.started;
    });
    return outcome === 'whole' ? { noise: output.noise } : { instead: outcome, noise: output.noise };
  }

  /** Has it run a script, which is given nothing to read. `late`: it is still busy with it, and hears nothing. */
  ask(script: string, args: readonly string[], limits: Limits): Promise<Executed | 'lost' | 'late'> {
    const mark = newMark();
    const text = request(mark, script, args);
    const asked = this.#last.then(() => this.#answer(mark, text, limits));
    this.#last = asked;
    return asked;
  }

  async #answer(mark: string, text: string, { timeout, most }: Limits): Promise<Executed | 'lost' | 'late'> {
    const [stdout, stderr] = [new Framed(mark, most), new Framed(mark, most)];
    const answer = this.#hear(timeout, (chunk) => {
      const isNew = stdout.word === undefined;
      stdout.push(chunk);
      stderr.push(isNew ? stdout.rest : chunk);
      return stderr.word !== undefined;
    });
    this.#ssh.stdin?.write(text);
    const outcome = await answer;
    if (outcome !== 'whole') return outcome;
    return { status: stdout.word as string, stdout: stdout.content, stderr: stderr.content.toString('utf8') };
  }

  /** Reads until it has heard enough. */
  #hear(timeout: number, isWhole: (chunk: Buffer) => boolean): Promise<'whole' | 'lost' | 'late'> {
    const ssh = this.#ssh;
    return new Promise((resolve) => {
      if (this.#lost) return resolve('lost');
      const end = (outcome: 'whole' | 'lost' | 'late'): void => {
        clearTimeout(timer);
        ssh.stdout?.off('data', hear);
        for (const event of ['close', 'error']) ssh.off(event, lose);
        resolve(outcome);
      };
      const hear = (chunk: Buffer): void => {
        if (isWhole(chunk)) end('whole');
      };
      const lose = (): void => end('lost');
      const timer = setTimeout(() => end('late'), timeout);
      ssh.stdout?.on('data', hear);
      for (const event of ['close', 'error']) ssh.once(event, lose);
    });
  }
}
