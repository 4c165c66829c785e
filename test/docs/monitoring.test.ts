import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { done } from '../cli/checks.ts';
import { run } from '../support/cli.ts';
import { newCluster } from '../support/clusters.ts';
import { describeWith, executable } from '../support/debian.ts';

const path = (name: string) => fileURLToPath(new URL(`../../docs/monitoring/${name}`, import.meta.url));
const rules = parse(await readFile(path('rules.yml'), 'utf8')) as { groups: { rules: { expr: string }[] }[] };
const dashboard = JSON.parse(await readFile(path('dashboard.json'), 'utf8')) as {
  panels: { id: number; targets: { expr: string }[] }[];
};
const expressions = {
  rules: rules.groups.flatMap((group) => group.rules.map(({ expr }) => expr)),
  dashboard: dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
};
const metricsOf = (text: string): string[] => text.match(/\b(node_cert|client_cert|cluster_ca)_[a-z_]+/g) ?? [];

const { ca, directory } = await newCluster();
await done(ca, ['issue', 'n1']);
await done(ca, ['issue', '--client', 'app']);
await done(ca, ['keystore', 'backup', '--out', `${directory}/backup`]);
await done(ca, ['rollover', 'start', '--yes']);
const { stdout } = await ca(['status', '--format', 'prometheus']);
const series = new Map(
  [...stdout.matchAll(/^([a-z_]+)\{(.*)\} /gm)].map(([, name = '', labels = '']) => [name, labels] as const),
);

describe.each(['rules', 'dashboard'] as const)('%s', (kind) => {
  test('each expression is of metrics that status has', () => {
    expect(expressions[kind].length).toBeGreaterThan(5);
    for (const expr of expressions[kind]) {
      const named = metricsOf(expr);
      expect(named).not.toEqual([]);
      for (const name of named) expect([...series.keys()]).toContain(name);
    }
  });
});

test('the labels that annotations and legends show are there', async () => {
  const text = (await readFile(path('rules.yml'), 'utf8')) + (await readFile(path('dashboard.json'), 'utf8'));
  const labels = [...text.matchAll(/\{\{ ?(?:\$labels\.)?([a-z_]+) ?\}\}/g)].map(([, label]) => label);
  expect(labels.length).toBeGreaterThan(5);
  for (const label of labels) expect([...series.values()].join()).toContain(`${label}="`);
});

(await describeWith('promtool'))('promtool', () => {
  const check = (file: string) => run(executable('promtool') as string, ['check', 'rules', file]);

  test('takes the rules', async () => {
    const { code, stdout } = await check(path('rules.yml'));
    expect([code, stdout]).toEqual([0, expect.stringContaining('SUCCESS: 9 rules found')]);
  });

  test('takes each expression of the dashboard', async () => {
    const recorded = expressions.dashboard.map((expr, i) => ({ record: `panel_${i}`, expr: expr.replaceAll('$', '') }));
    const file = `${directory}/dashboard.yml`;
    await writeFile(file, JSON.stringify({ groups: [{ name: 'dashboard', rules: recorded }] }));
    expect(await check(file)).toMatchObject({ code: 0 });
    await writeFile(file, JSON.stringify({ groups: [{ name: 'bad', rules: [{ record: 'a', expr: 'sum(' }] }] }));
    expect((await check(file)).code).not.toBe(0);
  });
});
