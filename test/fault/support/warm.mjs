// Runs command lines one after the other in one process that is warm: a tenth of what a process of its own costs. What is
// asked for comes by messages, and so does what came of it.
import { openSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
rememberScrypt(require('node:crypto'));
const { main } = require('../../../dist/main.cjs');
for (const stream of [process.stdout, process.stderr]) stream.setMaxListeners(0);

/** What was derived once is not derived again: each run begins with the same slots. */
function rememberScrypt(crypto) {
  const { scrypt } = crypto;
  const known = new Map();
  crypto.scrypt = (password, salt, length, options, callback) => {
    const key = JSON.stringify([...[password, salt].map((one) => Buffer.from(one).toString('hex')), length, options]);
    const there = known.get(key);
    if (there !== undefined) {
      process.nextTick(callback, null, Buffer.from(there));
      return;
    }
    scrypt(password, salt, length, options, (error, derived) => {
      if (error === null) known.set(key, Buffer.from(derived));
      callback(error, derived);
    });
  };
}

function caught(stream) {
  const pieces = [];
  stream.write = (piece, encoding, callback) => {
    pieces.push(Buffer.from(piece));
    const done = typeof encoding === 'function' ? encoding : callback;
    if (done !== undefined) process.nextTick(done);
    return true;
  };
  return () => Buffer.concat(pieces.splice(0)).toString();
}
const taken = { stdout: caught(process.stdout), stderr: caught(process.stderr) };

function setEnvironment(env) {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
}

/** Has storage-fault.c read its variables anew: by opening a file that there is not. */
function arm(faults) {
  setEnvironment(faults);
  try {
    openSync('/storage-fault/arm');
  } catch {}
}

// Each run is another process to all who ask, and one that is gone when the next one asks: no process has such a number.
const own = process.pid;
const { kill } = process;
let number = 2 ** 22;
process.kill = (pid, signal) => kill.call(process, pid === number ? own : pid, signal);
const becomeAnother = () => Object.defineProperty(process, 'pid', { value: ++number, configurable: true });

process.on('message', async ({ args, cwd, env, faults }) => {
  becomeAnother();
  process.chdir(cwd);
  arm(faults);
  setEnvironment(env);
  const code = await main(args);
  arm({});
  process.send({ code, stdout: taken.stdout(), stderr: taken.stderr() });
});
process.on('disconnect', () => process.exit());
