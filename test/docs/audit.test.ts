import { expect, test } from '@jest/globals';
import { consoleCommands, follow, newShell, page, pattern } from './console.ts';

const shown = consoleCommands(await page('audit.md'));
const printed = await follow(
  await newShell('audit-page'),
  shown.map(({ command }) => command),
);

test('the page has commands', () => {
  expect(shown.length).toBeGreaterThan(20);
});

test.each(shown.map(({ command, output }, i) => [command, output, printed[i]] as const))('$ %s', (_, output, real) => {
  expect(real).toMatch(pattern(output));
});
