import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { expectExit } from '../cli/checks.ts';
import { blocks, consoleCommands, follow, newShell, page, pattern } from './console.ts';

const runbook = (await page('runbook.md')).replaceAll(/^ {3}/gm, '');
const shown = consoleCommands(
  blocks(runbook)
    .filter(({ name }) => name === 'machine')
    .map(({ content }) => `\`\`\`console\n${content}\`\`\`\n`)
    .join(''),
);
const shell = await newShell('lost-machine');
const at = (...names: string[]): string => join(shell.work, ...names);

beforeAll(async () => {
  const nodes = ['pg-1', 'pg-2', 'pg-3'].map(
    (name) => `  ${name}: { planes: [data], services: [{ kind: files, dir: ${at('etc', name)} }] }\n`,
  );
  await writeFile(at('cluster.yaml'), `cluster: orders\nnodes:\n${nodes.join('')}`);
  Object.assign(shell.env, {
    CLUSTER_CA_KEYSTORE: at('ca'),
    CLUSTER_CA_KEY_FILE: at('key'),
    CLUSTER_CA_INVENTORY: at('cluster.yaml'),
  });
  const life = [
    'cluster-ca init orders',
    'cluster-ca issue --inventory cluster.yaml --out tls',
    'cluster-ca deploy --from tls --yes',
    'cluster-ca keystore backup --out orders.backup',
    'cluster-ca rotate pg-1 --deploy --yes',
    'cluster-ca list --node pg-3 --json | sed -n \'s/.*"serial": "\\(.*\\)".*/\\1/p\' >pg-3.serial',
    'cluster-ca revoke pg-3 --reason keyCompromise --yes',
  ];
  expectExit(await shell.bash(life.join('\n')), 0);
  await mkdir(at('from-pg-1'));
  await cp(at('etc/pg-1/crl.pem'), at('from-pg-1/crl.pem'), { dereference: true });
  // What was on that machine: the keystore, what this user has seen of it, and keys that were made there.
  for (const place of [at('ca'), at('tls'), shell.env.XDG_STATE_HOME as string]) await rm(place, { recursive: true });
  // pg-3 has been switched off.
  await writeFile(at('cluster.yaml'), `cluster: orders\nnodes:\n${nodes.slice(0, 2).join('')}`);
});

test('the procedure for a lost machine, as it is written: nothing that was issued or revoked is forgotten', async () => {
  const printed = await follow(
    shell,
    shown.map(({ command }) => command),
  );
  for (const [i, { command, output }] of shown.entries())
    expect([command, printed[i]?.replace(/\[exit \d+\]\n$/, '')]).toEqual([
      command,
      expect.stringMatching(pattern(output)),
    ]);
  // pg-3's certificate, and the one that pg-1 had behind the backup.
  const { stdout } = await shell.bash('openssl crl -in ca/public/crl.pem -noout -text');
  expect(stdout.match(/Serial Number/g)).toHaveLength(2);
}, 120_000);
