import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import { CLUSTER_CA } from '../support/cli.ts';

const ROOT = dirname(dirname(CLUSTER_CA));

const DIST = join(ROOT, 'dist');
const CACHES = join(DIST, 'code-cache');

describe('the code that V8 made of the bundles at build time', () => {
  test.each(['reading', 'checking', 'writing', 'completing'])('%s: V8 takes it', (name) => {
    const source = readFileSync(join(DIST, `${name}.cjs`), 'utf8');
    const cachedData = readFileSync(join(CACHES, `${process.versions.v8}-${process.arch}`, `${name}.bin`));
    // The same words around it as in src/bundles.ts, or the cache is another script's.
    const script = new Script(`(function(exports,require,module,__filename){${source}\n})`, { cachedData });
    expect(script.cachedDataRejected).toBe(false);
  });

  test.each([
    ['absent', (dir: string) => rmSync(dir, { recursive: true })],
    ["another version's", (dir: string) => replaceEach(dir, (bytes) => bytes.fill(0, 0, 16))],
    ['empty', (dir: string) => replaceEach(dir, () => Buffer.alloc(0))],
  ])('%s: the command works without it', (_, spoil) => {
    const copy = mkdtempSync(join(tmpdir(), 'cluster-ca-dist-'));
    try {
      cpSync(DIST, join(copy, 'dist'), { recursive: true });
      cpSync(join(ROOT, 'bin'), join(copy, 'bin'), { recursive: true });
      expect(existsSync(join(copy, 'dist/code-cache'))).toBe(true);
      spoil(join(copy, 'dist/code-cache'));
      const { status, stdout, stderr } = spawnSync(process.execPath, [join(copy, 'bin/cluster-ca'), 'list', '--help'], {
        encoding: 'utf8',
        env: { PATH: process.env.PATH, NODE_NO_WARNINGS: '1' },
      });
      expect([status, stderr]).toEqual([0, '']);
      expect(stdout).toContain('Usage: cluster-ca list');
    } finally {
      rmSync(copy, { recursive: true });
    }
  });
});

function replaceEach(dir: string, change: (bytes: Buffer) => Buffer): void {
  for (const version of readdirSync(dir))
    for (const name of readdirSync(join(dir, version))) {
      const file = join(dir, version, name);
      writeFileSync(file, change(readFileSync(file)));
    }
}
