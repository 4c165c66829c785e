// The environment of the test files: Node's, with a process beside it that runs command lines and stays, one for each of
// jest's workers. It is warm: the bundles are loaded and compiled, which is most of what a short command costs.
// test/support/warm.ts asks for it, and says what it is not for.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { TestEnvironment } from 'jest-environment-node';

const PROGRAM = fileURLToPath(new URL('../test/support/warm-process.mjs', import.meta.url));
/** It ends after so many runs: nothing piles up. */
const MOST = 400;

let child;
let runs = 0;
let busy = false;

/**
 * Runs a command line in the warm process.
 * @param job its `args`, `cwd` and `env`
 * @param timeout milliseconds until SIGKILL
 * @returns what came of it; undefined while the process is at work on another
 */
function runWarm(job, timeout) {
  if (busy) return undefined;
  busy = true;
  if (child === undefined || runs >= MOST) start();
  runs += 1;
  const one = child;
  one.channel.ref();
  return new Promise((resolve, reject) => {
    let result;
    const timer = setTimeout(() => one.kill('SIGKILL'), timeout);
    const settle = (end) => {
      clearTimeout(timer);
      one.removeAllListeners();
      busy = false;
      end();
    };
    one.once('message', (message) => {
      result = message;
      // What is to be done when a process ends is done then.
      if (result.ends) return;
      one.channel.unref();
      settle(() => resolve(result));
    });
    one.once('exit', (code, signal) => {
      child = undefined;
      if (result !== undefined || signal !== null)
        settle(() => resolve(result ?? { code: null, signal, stdout: '', stderr: '' }));
      else settle(() => reject(new Error(`the warm process ends with ${code} during ${job.args.join(' ')}`)));
    });
    one.send(job);
  });
}

function start() {
  child?.disconnect();
  runs = 0;
  // Nothing of jest's own is handed on; the process ends when the channel to it does.
  child = fork(PROGRAM, {
    execArgv: [],
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  child.unref();
}

export default class extends TestEnvironment {
  async setup() {
    await super.setup();
    this.global.runWarm = runWarm;
  }
}
