import { readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { Daemon } from '../server/daemon.ts';
import { run } from '../support/cli.ts';
import { describeWith, executable } from '../support/debian.ts';
import { warmCli } from '../support/warm.ts';
import { blocks, page } from './console.ts';

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

const daemon = await Daemon.make('orders');
const { ca } = daemon;
const directory = dirname(ca.out);
const ok = (...args: string[]) => ca.run(...args);
await ok('issue', 'n1', '--out', ca.out);
await ok('issue', '--client', 'app', '--out', ca.out);
await ok('keystore', 'backup', '--out', `${directory}/backup`);
await ok('rollover', 'start', '--yes');
const seriesOf = (text: string): Map<string, string> =>
  new Map(
    [...text.matchAll(/^([a-z_]+)(?:\{(.*)\})? /gm)].map(([, name = '', labels = '']) => [name, labels] as const),
  );
const { stdout } = await warmCli(['status', '--format', 'prometheus'], { env: ca.env });
const series = seriesOf(stdout);
let served = new Map<string, string>();

beforeAll(async () => {
  await daemon.start();
  served = seriesOf((await daemon.plain('/metrics')).text);
});

describe.each(['rules', 'dashboard'] as const)('%s', (kind) => {
  test('each expression is of metrics that status has', () => {
    expect(expressions[kind].length).toBeGreaterThan(5);
    for (const expr of expressions[kind]) {
      const named = metricsOf(expr);
      expect(named).not.toEqual([]);
      for (const name of named) expect([...series.keys()]).toContain(name);
    }
  });

  test('and of metrics that the daemon has, from its start on', () => {
    for (const name of expressions[kind].flatMap(metricsOf)) expect([...served.keys()]).toContain(name);
  });
});

test('the rules of docs/serve.md are of series that the daemon has from its start on', async () => {
  const rule = blocks(await page('serve.md')).find(({ name }) => name === 'alerts.yml')?.content ?? '';
  const named = metricsOf(rule);
  expect(new Set(named)).toEqual(
    new Set(['cluster_ca_failed_total', 'cluster_ca_last_successful_run_timestamp_seconds']),
  );
  for (const name of named) expect([...served.keys()]).toContain(name);
  const { text } = await daemon.plain('/metrics');
  for (const what of ['schedule', 'crl'])
    expect(text).toMatch(
      new RegExp(`^cluster_ca_last_successful_run_timestamp_seconds\\{what="${what}"\\} 1[\\d.]{9,}$`, 'm'),
    );
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
