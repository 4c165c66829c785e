import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { done, fails } from '../cli/checks.ts';
import { CLUSTER_CA, cli, run } from '../support/cli.ts';
import { newCluster } from '../support/clusters.ts';
import { describeWith, program } from '../support/debian.ts';
import { Screen } from '../ui/screen.ts';

// A real Tab in the real shells.
const cluster = await newCluster();
const { ca, out } = cluster;
await done(ca, ['issue', 'redis-1', 'redis-2', 'etcd-1', '--plane', 'data']);
await done(ca, ['issue', '--client', 'app']);
const bin = join(cluster.directory, 'bin');
await mkdir(bin);
await symlink(CLUSTER_CA, join(bin, 'cluster-ca'));
const env = { ...cluster.env, PATH: `${bin}:${process.env.PATH}`, PS1: '$ ' };

type Shell = 'bash' | 'zsh' | 'fish';
const START: Record<Shell, { words: string[]; load: string }> = {
  bash: { words: ['--norc', '--noprofile'], load: 'source <(cluster-ca completion bash); echo loaded' },
  zsh: {
    words: ['-f'],
    load: 'autoload -U compinit; compinit -D -u; source <(cluster-ca completion zsh); echo loaded',
  },
  fish: { words: ['--no-config', '--private'], load: 'cluster-ca completion fish | source; echo loaded' },
};

const inShells = await describeWith('tmux', 'bash', 'zsh', 'fish');

async function open(shell: Shell, more: Record<string, string> = {}): Promise<Screen> {
  const { words, load } = START[shell];
  const screen = await Screen.open([program(shell), ...words], { env: { ...env, ...more }, cwd: out, width: 120 });
  await screen.type(load);
  await screen.press('Enter');
  await screen.waitFor(/^loaded$/m);
  return screen;
}

inShells('Tab', () => {
  const cases: [typed: string, shown: RegExp][] = [
    ['cluster-ca iss', /cluster-ca issue /],
    ['cluster-ca keystore slo', /cluster-ca keystore slot /],
    ['cluster-ca rotate etc', /cluster-ca rotate etcd-1/],
    ['cluster-ca issue --client ap', /--client app/],
    ['cluster-ca list --node=etc', /--node=etcd-1/],
    ['cluster-ca issue --inven', /--inventory/],
    ['cluster-ca revoke --reason keyC', /--reason keyCompromise/],
    ['cluster-ca revoke node:etc', /node:etcd-1/],
    ['cluster-ca crl --authority iss', /--authority issuing-g1\.1/],
    ['cluster-ca help ver', /help verify/],
    ['cluster-ca inspect etcd-1/da', /inspect etcd-1\/data\//],
    ['cluster-ca issue --out=etc', /--out=etcd-1\//],
    [`cluster-ca --keystore ${join(cluster.directory, 'keystore')} verify etc`, /verify etcd-1/],
  ];
  test.each<Shell>(['bash', 'zsh', 'fish'])('%s', async (shell) => {
    const screen = await open(shell);
    for (const [typed, shown] of cases) {
      await screen.type(typed);
      await screen.press('Tab');
      await screen.waitFor(shown);
      await screen.press('C-c');
      await screen.type('clear');
      await screen.press('Enter');
      await screen.press('C-l');
    }
    await screen.type('cluster-ca rotate redis-');
    await screen.press('Tab', 'Tab');
    await screen.waitFor(/redis-1 +redis-2/);
  });

  test.each<Shell>(['bash', 'zsh', 'fish'])('%s: without a keystore verbs and flags still', async (shell) => {
    const screen = await open(shell, { CLUSTER_CA_KEYSTORE: '/nonexistent' });
    await screen.type('cluster-ca rotate ');
    await screen.press('Tab');
    await screen.press('C-u');
    await screen.type('cluster-ca stat');
    await screen.press('Tab');
    expect(await screen.waitFor(/cluster-ca status /)).not.toMatch(/error|hint/);
  });
});

// Where the manual says that they are kept for good, and loaded by the shell itself.
const inShellsForGood = await describeWith('tmux', 'bash', 'zsh', 'fish', 'dh_bash-completion');
const HOME = join(cluster.directory, 'somebody');
const FOR_GOOD: Record<Shell, { file: string; words: string[]; rc: string }> = {
  bash: {
    file: '.local/share/bash-completion/completions/cluster-ca',
    words: ['--noprofile', '--rcfile', join(HOME, 'rc.bash')],
    rc: '. /usr/share/bash-completion/bash_completion\n',
  },
  zsh: {
    file: '.zsh/completions/_cluster-ca',
    words: [],
    rc: 'fpath+=(~/.zsh/completions); autoload -U compinit; compinit -D -u\n',
  },
  fish: { file: '.config/fish/completions/cluster-ca.fish', words: ['--private'], rc: '' },
};

inShellsForGood('kept for good', () => {
  test.each<Shell>(['bash', 'zsh', 'fish'])('%s finds it by itself', async (shell) => {
    const { file, words, rc } = FOR_GOOD[shell];
    await mkdir(dirname(join(HOME, file)), { recursive: true });
    await writeFile(join(HOME, file), (await cli(['completion', shell], { env: cluster.env })).stdout);
    await writeFile(join(HOME, shell === 'zsh' ? '.zshrc' : `rc.${shell}`), rc);
    const screen = await Screen.open([program(shell), ...words], { env: { ...env, HOME }, cwd: out, width: 120 });
    await screen.type('echo ready');
    await screen.press('Enter');
    await screen.waitFor(/^ready$/m);
    await screen.type('cluster-ca rotate etc');
    await screen.press('Tab');
    await screen.waitFor(/cluster-ca rotate etcd-1/);
  });
});

inShells('the scripts', () => {
  test.each<[Shell, string[]]>([
    ['bash', ['-n']],
    ['zsh', ['-n']],
    ['fish', ['--no-execute']],
  ])('%s reads its own without a complaint', async (shell, flags) => {
    const file = join(cluster.directory, `script.${shell}`);
    await writeFile(file, (await cli(['completion', shell], { env: cluster.env })).stdout);
    const { code, stderr } = await run(program(shell), [...flags, file]);
    expect([code, stderr]).toEqual([0, '']);
  });
});

test('completion needs no keystore, and under --json is a document', async () => {
  const { stdout } = await cli(['completion', 'bash']);
  expect(stdout).toContain('complete -F');
  expect(await done(cli, ['completion', 'bash'])).toEqual({ schemaVersion: 1, shell: 'bash', script: stdout });
});

test.each([
  ['without a shell', ['completion']],
  ['of an unknown shell', ['completion', 'tcsh']],
])('completion %s: 2', async (_, args) => {
  await fails(cli, args, 'ERR_USAGE');
});

test('the question of the scripts has no answer rather than an error', async () => {
  for (const words of [
    ['rotate', ''],
    ['--keystore', '/nonexistent', 'rotate', ''],
    ['--nonsense', 'rotate', ''],
  ]) {
    const result = await cli(['completion', '--complete', '--', ...words], { env: { CLUSTER_CA_KEYSTORE: '' } });
    expect([result.code, result.stdout, result.stderr]).toEqual([0, '', '']);
  }
});
