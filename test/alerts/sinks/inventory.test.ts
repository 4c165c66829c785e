import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { inventorySinks } from '../../../src/alerts/sinks/index.ts';
import { parseInventory } from '../../../src/inventory/read.ts';
import { scratch } from '../../support/scratch.ts';

const directory = await scratch('sinks');
const secret = join(directory, 'secret');
const open = join(directory, 'open');
await writeFile(secret, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', { mode: 0o600 });
await writeFile(open, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', { mode: 0o644 });

const sinks = (lines: string) =>
  inventorySinks(parseInventory(`cluster: orders\nalerts:\n${lines}`, 'cluster.yaml'), {
    env: {},
    now: () => new Date(0),
  });

test('each sink by its name, with its severity; none without the section', () => {
  const made = sinks(
    [
      `  hook: { kind: webhook, url: "https://h.example/x", secretFile: ${secret} }`,
      '  am: { kind: alertmanager, url: "http://am:9093", minSeverity: info }',
      '  mail: { kind: smtp, server: "mail.example:587", from: a@b.example, to: [c@d.example] }',
      '  page: { kind: exec, command: [/usr/bin/page], minSeverity: critical, timeout: 5s }',
    ].join('\n'),
  );
  expect(made.map(({ name, minSeverity, forgets, patience }) => [name, minSeverity, forgets, patience])).toEqual([
    ['hook', 'warning', false, 10_000],
    ['am', 'info', true, 10_000],
    ['mail', 'warning', false, 30_000],
    ['page', 'critical', false, 5_000],
  ]);
  expect(inventorySinks(parseInventory('cluster: o', 'c'), { env: {}, now: () => new Date(0) })).toEqual([]);
  expect(sinks('')).toEqual([]);
});

describe('refused, with line and column', () => {
  test.each([
    [
      'http elsewhere',
      '{ kind: webhook, url: "http://h.example", secretFile: /s }',
      /^cluster\.yaml:3:26: .*https URL/,
    ],
    ['a password in the URL', '{ kind: webhook, url: "https://u:p@h", secretFile: /s }', /:3:26: .*without a password/],
    ['a file URL', '{ kind: alertmanager, url: "file:///etc/passwd" }', /:3:31: /],
    ['a token in the clear', '{ kind: alertmanager, url: "http://am", tokenFile: /t }', /:3:31: .*token/],
    ['a relative path', '{ kind: webhook, url: "https://h", secretFile: s }', /:3:44: .*absolute/],
    ['a user alone', '{ kind: smtp, server: "h:25", from: a@b, to: [c@d], user: u }', /:3:\d+: .*belong together/],
    [
      'a password without TLS',
      '{ kind: smtp, server: "h:25", from: a@b, to: [c@d], user: u, passwordFile: /p, tls: none }',
      /:3:\d+: .*without TLS/,
    ],
    ['an address with a comma', '{ kind: smtp, server: "h:25", from: a@b, to: ["c@d,e@f"] }', /:3:\d+: .*mail address/],
    ['an unknown key', '{ kind: exec, command: [/x], shell: yes }', /:3:\d+: unknown key alerts\.sink\.shell/],
    [
      'a secret that others can read',
      `{ kind: webhook, url: "https://h", secretFile: ${open} }`,
      /:3:3: alerts\.sink: .*group or world/,
    ],
    [
      'one that is not there',
      `{ kind: webhook, url: "https://h", secretFile: ${open}.none }`,
      /:3:3: alerts\.sink: .*not exist/,
    ],
    [
      'a ca that is none',
      `{ kind: alertmanager, url: "https://h", ca: ${secret} }`,
      /:3:3: alerts\.sink: .*no certificate/,
    ],
  ])('%s', (_, sink, message) => {
    expect(() => sinks(`  sink: ${sink}`)).toThrow(message);
  });
});
