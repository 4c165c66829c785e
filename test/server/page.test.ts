import { createHash } from 'node:crypto';
import { beforeAll, expect, test } from '@jest/globals';
import type { RolloverBoard } from '../../src/rollover/running/board.ts';
import { html } from '../../src/server/page/html.ts';
import { overviewPage } from '../../src/server/page/overview.ts';
import type { Material } from '../support/tls.ts';
import { Daemon } from './daemon.ts';

const daemon = await Daemon.make('orders');
let auditor: Required<Material>;

beforeAll(async () => {
  auditor = await daemon.person('eve', '--role', 'auditor');
  await daemon.node('n1');
  await daemon.start();
});

const HOSTILE = '<script>alert(1)</script>"\'&\u202e\u0000';

test('what is put in is escaped, what cannot be seen becomes visible', () => {
  expect(html`<p title="${HOSTILE}">${[HOSTILE, html`<b>${1}</b>`]}</p>`.text).toBe(
    '<p title="&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\\u{202e}\\u{0}">&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\\u{202e}\\u{0}<b>1</b></p>',
  );
});

const hostileBoard: RolloverBoard = {
  phase: 'distribute',
  trust: ['old', 'new'],
  issuer: 'old',
  since: '2026-01-01T00:00:00Z',
  services: [{ kind: 'node', node: HOSTILE, service: HOSTILE, role: 'accept', error: HOSTILE }],
  excluded: [{ kind: 'node', node: HOSTILE, at: '2026-01-01T00:00:00Z' }],
  confirmed: [],
  blocking: [HOSTILE],
  blockers: [{ guard: 'G2', node: HOSTILE, reason: HOSTILE, hint: HOSTILE }],
  next: HOSTILE,
  nextStep: HOSTILE,
};

test('a page full of hostile text has no element and no attribute of theirs', () => {
  const alert = {
    name: HOSTILE,
    severity: 'info',
    subject: HOSTILE,
    message: HOSTILE,
    hint: HOSTILE,
    since: '2026-01-01T00:00:00Z',
  } as const;
  const page = overviewPage({
    cluster: HOSTILE,
    head: HOSTILE,
    now: Date.parse('2026-02-01T00:00:00Z'),
    authorities: [
      { id: HOSTILE, status: HOSTILE, notBefore: '2026-01-01T00:00:00Z', notAfter: '2027-01-01T00:00:00Z' },
    ],
    certificates: [],
    alerts: [alert],
    records: [],
    rollover: hostileBoard,
  });
  for (const raw of ['<script', '\u202e', '\u0000']) expect(page).not.toContain(raw);
  expect([...page.matchAll(/<[a-z]+[^>]*\son\w+=/g)]).toEqual([]);
});

test('the page: certificates with their lives, alerts, authorities, the log; no script, and a policy that allows none', async () => {
  const { status, headers, text } = await daemon.call(auditor, '/');
  expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
  const style = /<style>([\s\S]*?)<\/style>/.exec(text)?.[1] ?? '';
  const digest = createHash('sha256').update(style).digest('base64');
  expect(headers['content-security-policy']).toBe(
    `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  );
  expect(text).not.toMatch(/<script|<form|javascript:|\sstyle=|https?:\/\/|PRIVATE/i);
  const { certificates } = await daemon.ca.run('list');
  for (const { serial } of certificates) expect(text).toContain(`<code>${serial}</code>`);
  for (const word of ['root-g1', 'issuing-g1.1', 'keystore_never_backed_up', 'reserve']) expect(text).toContain(word);
  // Every table has heads, every bar says in words what it shows, every anchor leads somewhere.
  expect((text.match(/<svg /g) ?? []).length).toBe(
    (text.match(/aria-label="\d+ % of its life is over"/g) ?? []).length,
  );
  for (const [, id] of text.matchAll(/href="#(\w+)"/g)) expect(text).toContain(`id="${id}"`);
});
