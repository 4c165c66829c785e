import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { issueCertificates } from '../../src/issuance/issue.ts';
import type { IssueItem } from '../../src/issuance/item.ts';
import { selectForRotation } from '../../src/rotation/select.ts';
import { anotherWriter, openKeystore } from '../support/open-keystore.ts';
import { revokeNode } from '../support/revoke-between.ts';
import { scratch } from '../support/scratch.ts';

const NOW = new Date('2026-06-15T12:00:00.500Z');
const HOURS = 3600;
const directory = join(await scratch('ended'), 'shared');

function item(name: string, plane: string, lifetime: number): IssueItem {
  const dns = [`${name}.orders.internal`];
  return { kind: 'node', name, plane, profile: 'peer', dns, ip: [], keyType: 'ecdsa-p256', lifetime, wildcards: false };
}

test('a node whose certificates have ended, in part or all of them: revoked, it is not due any more', async () => {
  const early = await openKeystore(directory, NOW);
  for (const requestId of ['first', 'second'])
    await early.inTurn(1000, () =>
      issueCertificates(
        early,
        {
          items: [
            item('in-part', 'control', HOURS),
            item('in-part', 'data', 24 * HOURS),
            item('wholly', 'data', HOURS),
            item('other', 'data', HOURS),
          ],
          out: undefined,
          access: { keyMode: 0o600 },
          requestId,
          requestHash: '00'.repeat(32),
          forceNew: true,
          skipRevoked: false,
          partial: false,
        },
        new Map(),
      ),
    );
  const now = new Date(NOW.getTime() + 2 * HOURS * 1000);
  const writer = await anotherWriter(directory, now);
  const { keystore } = writer;
  const due = async (): Promise<string[]> =>
    (await selectForRotation(keystore, { names: [], all: false, due: true, planes: undefined, now })).map(
      ({ name, plane }) => `${name}/${plane}`,
    );
  expect((await due()).sort()).toEqual(['in-part/control', 'other/data', 'wholly/data']);
  for (const name of ['in-part', 'wholly']) await revokeNode(writer, name);
  expect(await due()).toEqual(['other/data']);
  // Superseded ones that have ended are left as they are.
  const rows = await keystore.query((index) => index.ofName('node', 'in-part'));
  expect(rows.map(({ plane, revoked }) => [plane, revoked !== undefined]).sort()).toEqual([
    ['control', false],
    ['control', true],
    ['data', true],
    ['data', true],
  ]);
});
