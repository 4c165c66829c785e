// Which test files run first: those that take longest, so that none of them is left to run alone at the end. How long each
// took is kept in test/durations.json, because a machine that runs them for the first time knows nothing of it;
// `UPDATE_DURATIONS=1 npm run jest` writes it anew. A file that is not in it is new, and runs first.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import Sequencer from '@jest/test-sequencer';

const FILE = fileURLToPath(new URL('../test/durations.json', import.meta.url));
const TESTS = fileURLToPath(new URL('../test', import.meta.url));
const nameOf = (path) => relative(TESTS, path);
/** Whole seconds by the files' names. */
const recorded = () => JSON.parse(readFileSync(FILE, 'utf8'));

export default class LongestFirst extends Sequencer {
  sort(tests) {
    const seconds = recorded();
    const known = ({ path }) => seconds[nameOf(path)] ?? Number.MAX_SAFE_INTEGER;
    return [...tests].sort((a, b) => known(b) - known(a) || a.path.localeCompare(b.path));
  }

  cacheResults(tests, results) {
    super.cacheResults(tests, results);
    if (process.env.UPDATE_DURATIONS === undefined) return;
    const seconds = recorded();
    for (const { testFilePath, perfStats } of results.testResults)
      seconds[nameOf(testFilePath)] = Math.round((perfStats.end - perfStats.start) / 1000);
    const names = Object.keys(seconds).filter((name) => existsSync(join(TESTS, name)));
    const sorted = Object.fromEntries(names.sort().map((name) => [name, seconds[name]]));
    writeFileSync(FILE, `${JSON.stringify(sorted, null, 2)}\n`);
  }
}
