import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { DirectoryStore } from '../../src/keystore/directory/directory-store.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import { decodeRecord } from '../../src/keystore/log/record.ts';
import { fromBase64 } from '../../src/pki/encoding.ts';
import { run } from '../support/cli.ts';
import { scratch } from '../support/scratch.ts';
import { bundle } from './support/bundle.ts';

// Safety rests on compare-and-append alone: with the lock and without it, sixteen processes lose no record and write
// none twice.

const directory = await scratch('race');
const script = await bundle('append-many', join(directory, 'append-many.mjs'));
const PROCESSES = 16;
const EACH = 6;

test.each(['locked', 'unlocked'])('16 processes at once, %s', async (mode) => {
  const root = join(directory, mode);
  cpSync(fileURLToPath(new URL('vectors/keystore', import.meta.url)), root, { recursive: true });
  mkdirSync(join(root, 'tmp'));
  for (const name of ['', 'slots', 'sealed', 'objects', 'log', 'snapshot', 'public', 'tmp'])
    mkdirSync(join(root, name), { recursive: true });
  await run('chmod', ['-R', 'go-rwx', root]);
  const results = await Promise.all(
    Array.from({ length: PROCESSES }, (_, i) => run(process.execPath, [script, root, String(EACH), `p${i}`, mode])),
  );
  expect(results.filter(({ code }) => code !== 0).map(({ stderr }) => stderr)).toEqual([]);
  const said = results.flatMap(({ stdout }, i) =>
    stdout
      .trim()
      .split('\n')
      .map((seq, n) => [Number(seq), `p${i}-${n}`] as const),
  );
  expect(said).toHaveLength(PROCESSES * EACH);

  const store = new DirectoryStore(root, { groupRead: false });
  const keystore = await Keystore.open(store, { anchors: undefined });
  expect(keystore.state.seq).toBe(8 + PROCESSES * EACH);
  await keystore.reloadWithoutSnapshot();
  const written = [];
  for (let seq = 9; seq <= keystore.state.seq; seq++) {
    const bytes = (await store.readRecord(seq)) as Uint8Array;
    const { requestId } = decodeRecord(keystore.identity.id, seq, bytes, fromBase64(keystore.identity.auditKey));
    written.push([seq, requestId]);
  }
  expect(written).toEqual(said.toSorted(([a], [b]) => a - b));
  expect(readdirSync(join(root, 'tmp'))).toEqual([]);
  expect(readdirSync(root)).not.toContain('lock');
});
