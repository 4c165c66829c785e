import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { hasTerminal } from '../cli/terminal.ts';
import { run } from '../support/cli.ts';
import { describeWith, executable } from '../support/debian.ts';
import { freeClusterPrefix } from '../support/ports.ts';
import { blocks } from './console.ts';
import { asOperator, followOnTerminal, newPerson, normalise, type Step, steps } from './terminal-page.ts';

// The README followed from its first line to its last, by an ordinary user on a terminal of 80 columns, with the package
// that `npm pack` makes of this checkout. What is not done as it stands there:
//
// - `npm ci`: the dependencies are there, this test runs on them. `npm test`: this is it.
// - `npm pack` does not build again (--ignore-scripts); `npm install -g` installs for this user, without the network.
// - The ports are free ones.
// - Without Redis (and without root and apt-get, to install it) the blocks marked `redis` are left out.
const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const README = join(REPOSITORY, 'README.md');
const NPM = `#!/bin/sh
case "$*" in
  ci | test) ;;
  'run demo') exec node '${REPOSITORY}dist/demo.mjs' ;;
  pack) exec "$(dirname "$0")/real-npm" pack --silent --ignore-scripts --pack-destination "$PWD" '${REPOSITORY}' ;;
  'install -g ./cluster-ca-'*) exec "$(dirname "$0")/real-npm" install -g --prefix "$HOME/.npm-global" --offline --no-audit --no-fund "$3" ;;
  *) echo "npm $*: not on this page" >&2; exit 1 ;;
esac
`;

const markdown = await readFile(README, 'utf8');
await describeWith('redis-server', 'redis-cli');
const redis = executable('redis-server') !== undefined && executable('redis-cli') !== undefined;
const all = steps(blocks(markdown));
const followed = all.filter((step) => redis || 'file' in step || step.block !== 'redis');
const commands = followed.filter((step): step is Exclude<Step, { file: string }> => 'command' in step);

/** The ports of the page, and those of this run. */
const PAGE_PORTS = '1700';
const ports = await freeClusterPrefix();
const swap = (text: string, from: string, to: string): string => text.replaceAll(from, to);

const person = await newPerson();
const bin = join(person.home, '.bin');
await mkdir(bin);
await writeFile(join(bin, 'npm'), NPM);
await chmod(join(bin, 'npm'), 0o755);
await symlink(executable('npm') as string, join(bin, 'real-npm'));
const path = [join(person.home, '.npm-global/bin'), bin, dirname(process.execPath), process.env.PATH].join(':');
const printed = await (hasTerminal ? followOnTerminal : skipped)(
  followed.map((step) =>
    'file' in step
      ? { ...step, content: swap(step.content, PAGE_PORTS, ports) }
      : { ...step, command: swap(step.command, PAGE_PORTS, ports) },
  ),
  person,
  path,
);
// A page that was not followed to its end has left its servers running.
for (const n of redis ? [1, 2, 3] : []) {
  const files = ['--cacert', 'ca.pem', '--cert', 'cert.pem', '--key', 'key.pem'];
  const app = join(person.home, 'shop/tls/clients/app');
  await run('redis-cli', ['-p', `${ports}${n}`, '--tls', ...files, 'shutdown', 'nosave'], { cwd: app }).catch(() => {});
}
const real = printed.map((text) => swap(text, ports, PAGE_PORTS));
if (process.env.UPDATE_README !== undefined) await update();

const onTerminal = hasTerminal ? describe : describe.skip;

(hasTerminal ? test : test.skip)('the page has commands, and all were run', () => {
  expect(commands.length).toBeGreaterThan(20);
  expect(real).toHaveLength(commands.length);
});

onTerminal('each command prints what the page shows', () => {
  test.each(commands.map((step, i) => [step.command, step, real[i] ?? ''] as const))('$ %s', (_, step, text) => {
    if (step.block === 'sh') expect(text).not.toMatch(/^\[exit \d+\]$/m);
    else
      expect(normalise(asOperator(text, person.home))).toBe(normalise(step.output.map((line) => `${line}\n`).join('')));
  });
});

if (!redis) describe.skip('with Redis (skipped: redis-server or redis-cli is not installed)', () => test('', () => {}));

test('every link leads somewhere', async () => {
  const links = [...markdown.matchAll(/\]\(([^)]+)\)/g)].map(([, target = '']) => target);
  expect(links.length).toBeGreaterThan(5);
  for (const target of links) expect([target, existsSync(join(REPOSITORY, target))]).toEqual([target, true]);
  const pages = (await readdir(join(REPOSITORY, 'docs'))).filter(
    (name) => name.endsWith('.md') && name !== 'progress.md',
  );
  for (const name of pages) expect(links).toContain(`docs/${name}`);
});

/** Without script(1) of util-linux, which says so, there is no terminal to follow the page on. */
async function skipped(): Promise<string[]> {
  return [];
}

/** UPDATE_README=1: what was printed goes into the page. */
async function update(): Promise<void> {
  let page = markdown;
  let at = 0;
  commands.forEach((step, i) => {
    const start = page.indexOf(step.command, at);
    at = start + step.command.length;
    if (step.block === 'sh') return;
    const shown = step.output.map((line) => `${line}\n`).join('');
    const text = asOperator(real[i] ?? '', person.home);
    page = page.slice(0, at + 1) + text + page.slice(at + 1 + shown.length);
    at += text.length;
  });
  await writeFile(README, page);
}
