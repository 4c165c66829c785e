import { readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { ServiceKind } from '../../src/inventory/services.ts';
import { targetOf } from '../../src/targets/index.ts';
import { page } from './console.ts';

/** What `reload` says at least, or so that a kind can do all that it can. */
const RELOADS: Partial<Record<ServiceKind, object>> = {
  exec: { command: ['true'] },
  sentinel: { command: ['true'] },
  nginx: { pidFile: '/run/nginx.pid' },
  haproxy: { socket: '/run/haproxy.sock', masterSocket: '/run/haproxy-master.sock' },
  postgres: { psql: ['psql'] },
};
const rows = [...(await page('servers/README.md')).matchAll(/^\| \[(\w+)\]\((\w+\.md)\) \| (.*) \|$/gm)].map(
  ([, kind, file, cells]) => ({ kind: kind as ServiceKind, file, cells: (cells as string).split(' | ') }),
);

test('every kind of the inventory is in the table, and has its page', () => {
  const kinds = ['redis', 'sentinel', 'etcd', 'postgres', 'haproxy', 'nginx', 'files', 'exec'];
  expect(rows.map(({ kind }) => kind).toSorted()).toEqual(kinds.toSorted());
  const pages = readdirSync(new URL('../../docs/servers', import.meta.url));
  for (const { file } of rows) expect(pages).toContain(file);
});

test.each(rows)('$kind: the table says what the target says', ({ kind, cells }) => {
  const target = targetOf(kind);
  const options = target?.options.parse(RELOADS[kind] ?? {});
  const can = target?.abilities(options);
  expect(cells).toEqual([can?.certificate, can?.trust, can?.crl, can?.combined ? 'yes' : 'no', can?.connections]);
});
