import { chmod, cp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { warmCli } from '../support/warm.ts';
import { document, done, errorObject, expectExit, fails, verdict, words } from './checks.ts';
import type { CheckDocument, ListDocument } from './documents.ts';
import { files, tree } from './tree.ts';

const cluster = await newCluster();
const { ca, keystore } = cluster;
let count = 0;

await done(ca, ['issue', 'n1']);
await done(ca, ['revoke', 'n1', '--yes']);
await done(ca, ['issue', 'n2', '--plane', 'data']);

/** A copy of the keystore, changed. */
async function copied(change: (copy: string) => Promise<unknown> = async () => {}): Promise<string> {
  const copy = join(cluster.directory, `copy-${++count}`);
  await cp(keystore, copy, { recursive: true, preserveTimestamps: true });
  await change(copy);
  return copy;
}

/** A run that is given no secret at all. */
function bare(args: string[]) {
  const { CLUSTER_CA_KEY_FILE: _, ...env } = cluster.env;
  return warmCli(args, { env });
}

/** `keystore check` may be able to say more than that it cannot open it. */
async function verdictOrFailure(args: string[], exit: number): Promise<void> {
  const result = await ca([...args, '--json']);
  errorObject(result, exit);
  if (result.stdout !== '') expect(document<CheckDocument>(result).valid).toBe(false);
}

const check = (copy: string, ...args: string[]) =>
  done<CheckDocument>(ca, ['keystore', 'check', '--keystore', copy, ...args]);

describe('a keystore that is whole', () => {
  test('valid, and with the secret also unsealed', async () => {
    expect(await check(keystore)).toMatchObject({ valid: true, unsealed: true, findings: [] });
  });

  test('without a secret all but the unsealing, and it says so', async () => {
    const checked = await bare(['keystore', 'check', '--json']);
    expectExit(checked, 0);
    expect(checked.json()).toMatchObject({ valid: true, unsealed: false, findings: [], warnings: expect.anything() });
    const text = await bare(['keystore', 'check']);
    expectExit(text, 0);
    expect(text.stdout + text.stderr).toMatch(/unseal|passphrase|secret/i);
  });

  test('a root domain with a secret of its own, which is not given: not said to open', async () => {
    const own = join(cluster.directory, 'root.pass');
    const apart = ['--keystore', join(cluster.directory, 'apart')];
    await writeFile(own, 'a passphrase of the root alone\n', { mode: 0o600 });
    await done(ca, ['init', 'apart', ...apart, '--root-passphrase-file', own]);
    const text = await ca(['keystore', 'check', ...apart]);
    expectExit(text, 0);
    expect(text.stdout).toBe('the keystore is whole, and those of its keys that were tried open\n');
    expect(text.stderr).toContain('the root domain has a secret of its own, which was not given');
    expect(await done(ca, ['keystore', 'check', ...apart])).toMatchObject({ valid: true, unsealed: false });
    const both = [...apart, '--root-passphrase-file', own];
    expect(await done(ca, ['keystore', 'check', ...both])).toMatchObject({ valid: true, unsealed: true });
  });

  test('it changes nothing', async () => {
    const before = await tree(cluster.directory);
    await check(keystore);
    expectExit(await bare(['keystore', 'check']), 0);
    expect(await tree(cluster.directory)).toEqual(before);
  });

  test('what a crash leaves is not damage', async () => {
    const copy = await copied(async (path) => {
      await writeFile(join(path, 'tmp/left-behind'), 'half a file');
      await writeFile(join(path, 'sealed/00000000000000000000000000000000.0'), 'no record names me', { mode: 0o600 });
    });
    expect((await check(copy)).valid).toBe(true);
  });
});

describe('one flipped bit: 13, and the file is named', () => {
  const kinds = ['KEYSTORE', 'slots', 'sealed', 'objects', 'log'];

  test.each(kinds)('in %s', async (kind) => {
    for (const name of (await files(keystore)).filter((path) => path.split('/')[0] === kind)) {
      const bytes = await readFile(join(keystore, name));
      const at = bytes.length >> 1;
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      const copy = await copied((path) => writeFile(join(path, name), bytes));
      const found = await verdict<CheckDocument>(ca, ['keystore', 'check', '--keystore', copy], 13);
      expect([name, found.valid]).toEqual([name, false]);
      expect(found.findings.map(({ file }) => file).join(' ')).toContain(name);
      for (const finding of found.findings)
        expect(finding).toMatchObject({ file: expect.any(String), problem: expect.stringMatching(/\S/) });
      await rm(copy, { recursive: true });
    }
  });

  test('in text', async () => {
    const [name = ''] = (await files(keystore)).filter((path) => path.startsWith('objects/'));
    const copy = await copied((path) => writeFile(join(path, name), 'x'));
    const result = await ca(['keystore', 'check', '--keystore', copy]);
    expectExit(result, 13);
    expect(result.stdout).toContain(name);
    expect(result.stderr).toMatch(/^cluster-ca: error: /m);
  });
});

describe('files missing in part: 13', () => {
  test.each(['KEYSTORE', 'slots', 'sealed', 'objects', 'log'])('%s', async (name) => {
    const copy = await copied((path) => rm(join(path, name), { recursive: true }));
    // Without KEYSTORE there is still a directory full of a keystore's files: not "absent".
    await verdictOrFailure(['keystore', 'check', '--keystore', copy], 13);
    await fails(ca, ['issue', 'n3', '--keystore', copy], 13);
  });

  test.each(['sealed', 'objects', 'log'])('one file of %s', async (kind) => {
    const name = (await files(keystore)).find((path) => path.startsWith(`${kind}/`)) ?? '';
    const copy = await copied((path) => rename(join(path, name), `${path}-taken`));
    await verdictOrFailure(['keystore', 'check', '--keystore', copy], 13);
  });
});

describe('a gap in the log: 13, and the missing record is named', () => {
  const audit = (copy: string) => ['audit', 'verify', '--keystore', copy];

  test.each([
    ['the first of two', [1]],
    ['several', [2, 3]],
    ['the first of all', [0]],
  ])('%s', async (_, missing) => {
    const count = (await readdir(join(keystore, 'log/0'))).length;
    expect(count).toBeGreaterThan(4);
    const copy = await copied(async (path) => {
      for (const seq of missing) await rm(join(path, 'log/0', String(seq)));
      // Without what has seen the whole log, a walk alone would call the shorter one whole.
      for (const name of ['snapshot', 'public']) await rm(join(path, name), { recursive: true });
    });
    const args = ['keystore', 'check', '--keystore', copy];
    const away = { env: { XDG_STATE_HOME: join(cluster.directory, 'no-anchor') } };
    const result = await ca([...args, '--json'], away);
    errorObject(result, 'ERR_KEYSTORE_TAMPERED');
    const found = document<CheckDocument>(result);
    expect(found.findings).toEqual([
      {
        file: `log/0/${missing[0]}`,
        problem: `log record ${missing[0]} is missing, although record ${count - 1} is there`,
        hint: expect.stringContaining('backup'),
      },
    ]);
    errorObject(await ca([...audit(copy), '--json'], away), 'ERR_KEYSTORE_TAMPERED');
  });

  test('what is no record is none', async () => {
    const copy = await copied(async (path) => {
      for (const name of ['log/0/x', 'log/0/9999', 'log/0/007', 'log/9', 'log/1'])
        await writeFile(join(path, name), '');
    });
    expect((await check(copy)).valid).toBe(true);
    await done(ca, audit(copy));
  });
});

test('a format from the future: 13, for reading and writing', async () => {
  const copy = await copied(async (path) => {
    const identity = await readFile(join(path, 'KEYSTORE'), 'utf8');
    expect(identity).toContain('"format":1');
    await writeFile(join(path, 'KEYSTORE'), identity.replace('"format":1', '"format":2'));
  });
  for (const args of [['list'], ['issue', 'n3'], ['audit', 'export']])
    expect(words(await fails(ca, [...args, '--keystore', copy], 13))).toMatch(/format|version|newer/);
});

describe('what is derived', () => {
  test('--repair rebuilds public/ and the snapshot', async () => {
    const copy = await copied(async (path) => {
      await writeFile(join(path, 'public/trust-bundle.pem'), 'scribble');
      for (const name of ['snapshot', 'public/crl.pem']) await rm(join(path, name), { recursive: true, force: true });
    });
    await done(ca, ['keystore', 'check', '--repair', '--keystore', copy]);
    for (const name of ['trust-bundle.pem', 'crl.pem'])
      expect(await readFile(join(copy, 'public', name), 'utf8')).toBe(
        await readFile(join(keystore, 'public', name), 'utf8'),
      );
    expect((await check(copy)).valid).toBe(true);
  });

  test('without a snapshot everything still reads', async () => {
    const copy = await copied((path) => rm(join(path, 'snapshot'), { recursive: true, force: true }));
    expect(await done<ListDocument>(ca, ['list', '--all', '--keystore', copy])).toEqual(
      await done<ListDocument>(ca, ['list', '--all']),
    );
  });
});

describe('permissions that are not safe: 13 for commands that write or open a slot', () => {
  const writers = [
    ['issue', 'n9'],
    ['rotate', 'n2'],
    ['revoke', 'n2', '--yes'],
    ['crl', '--renew'],
    ['keystore', 'slot', 'add', 'more', '--new-key-file', '/nonexistent/new.key'],
  ];

  test.each([0o755, 0o750, 0o770, 0o777])('the directory %i', async (mode) => {
    const copy = await copied((path) => chmod(path, mode));
    for (const args of writers) await fails(ca, [...args, '--keystore', copy], 'ERR_KEYSTORE_PERMISSIONS');
    for (const args of [['list'], ['status'], ['crl'], ['audit', 'verify']])
      await done(ca, [...args, '--keystore', copy]);
  });

  test('a symbolic link to it', async () => {
    const link = join(cluster.directory, 'link');
    await symlink(keystore, link);
    for (const args of writers) await fails(ca, [...args, '--keystore', link], 'ERR_KEYSTORE_PERMISSIONS');
    await done(ca, ['list', '--keystore', link]);
  });

  test('nothing was written by any of them', async () => {
    expect((await done<ListDocument>(ca, ['list', '--node', 'n9'])).certificates).toEqual([]);
    expect(await readdir(cluster.out)).not.toContain('n9');
  });
});

describe('no keystore there', () => {
  test.each([
    ['nothing', 'nowhere', 10],
    ['an empty directory', 'empty', 10],
  ])('%s: 10, with the path', async (_, name, exit) => {
    const path = join(cluster.directory, name);
    if (name === 'empty') await cluster.dir(name);
    for (const args of [['keystore', 'check'], ['list'], ['issue', 'n1']]) {
      const error = await fails(ca, [...args, '--keystore', path], exit);
      expect([error.code, JSON.stringify(error).includes(path)]).toEqual(['ERR_KEYSTORE_ABSENT', true]);
    }
  });
});
