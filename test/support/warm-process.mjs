// Runs command lines one after the other in one process that stays (scripts/jest-environment.mjs starts it). What is
// asked for comes by messages, and so does what came of it. Each run has its own words, environment, directory and
// output, and is over when a process of its own would end: when nothing is left that it waits for.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../bin/cluster-ca', import.meta.url));
const { main } = createRequire(import.meta.url)('../../dist/main.cjs');

const umask = process.umask();
const streams = [process.stdout, process.stderr];
const taken = streams.map((stream) => {
  const pieces = [];
  stream.write = (piece, encoding, callback) => {
    pieces.push(
      typeof piece === 'string' ? Buffer.from(piece, typeof encoding === 'string' ? encoding : 'utf8') : piece,
    );
    const done = typeof encoding === 'function' ? encoding : callback;
    if (done !== undefined) process.nextTick(done);
    return true;
  };
  return () => Buffer.concat(pieces.splice(0)).toString();
});

/** What keeps the process from its end: sockets, timers, children. An unreferenced timer is not among it. */
const pending = () => process.getActiveResourcesInfo().length;
const later = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds).unref());
/** Of what ends otherwise something may be left: whether its process is gone is what the next run asks. */
const CLEAN = [0, 2, 4, 5, 6, 12];
/** What listens to the end of the process, or to a signal: left behind, it would see the next run's. */
const left = () => ['exit', 'SIGTERM', 'SIGHUP'].some((name) => process.listenerCount(name) > 0);

process.on('message', ({ args, cwd, env }) => {
  const before = pending();
  const spent = process.cpuUsage();
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.argv = [process.execPath, PROGRAM, ...args];
  process.exitCode = undefined;
  process.umask(umask);
  process.chdir(cwd);
  // Not awaited, as bin/cluster-ca does not: a stack has nothing of this file.
  main(args).then(async (code) => {
    while (pending() > before) await later(1);
    for (const stream of streams) stream.removeAllListeners('error');
    const [stdout, stderr] = taken.map((take) => take());
    const { user, system } = process.cpuUsage(spent);
    const ends = !CLEAN.includes(code) || left();
    process.send({ code, signal: null, stdout, stderr, processorTime: (user + system) / 1e6, ends }, () => {
      if (ends) process.exit();
    });
  });
});
process.on('disconnect', () => process.exit());
