import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { SshHost } from '../../src/hosts/ssh-host.ts';
import { describeWith } from '../support/debian.ts';
import { Servers } from '../support/servers.ts';
import { type Sshd, startSshd } from '../support/servers-ssh.ts';
import { blocks, consoleCommands, follow, newShell, page, pattern } from './console.ts';

const describeSsh = await describeWith('sshd', 'ssh');
const servers = new Servers('docs-ssh');
const shell = await newShell('docs-ssh');
const found = blocks(await page('servers/ssh.md'));

describeSsh('docs/servers/ssh.md, as it is written but for the address, the directory and the user', () => {
  let sshd: Sshd;
  const home = shell.env.HOME as string;
  const block = (name: string): string => {
    const one = found.find((each) => each.name === name);
    if (one === undefined) throw new Error(`docs/servers/ssh.md has no ${name}`);
    return one.content;
  };

  /** Runs the commands of a block; they end well, and print what the page shows. */
  async function expectAsWritten(name: string): Promise<void> {
    const shown = consoleCommands(`\`\`\`console\n${block(name)}\`\`\`\n`);
    expect(shown.length).toBeGreaterThan(0);
    const printed = await follow(
      shell,
      shown.map(({ command }) => command.replace(' 10.0.0.11 ', ` -p ${sshd.port} 127.0.0.1 `)),
    );
    for (const [i, { command, output }] of shown.entries()) {
      expect(`$ ${command}\n${printed[i]}`).not.toMatch(/\[exit \d+\]/);
      expect(printed[i]).toMatch(pattern(output.map((line) => (line === '0' ? String(process.getuid?.()) : line))));
    }
  }

  beforeAll(async () => {
    sshd = await startSshd(servers);
    shell.env.PATH = `${sshd.bin}:${shell.env.PATH}`;
    mkdirSync(join(home, '.ssh'), { mode: 0o700 });
    Object.assign(shell.env, {
      CLUSTER_CA_KEYSTORE: join(shell.work, 'ca'),
      CLUSTER_CA_KEY_FILE: join(shell.work, 'key'),
    });
    expect((await shell.bash('cluster-ca init orders')).code).toBe(0);
    const yaml = block('cluster.yaml').replace('/etc/redis', join(shell.work, 'etc'));
    const mine = process.getuid?.() === 0 ? yaml : yaml.replace(/^ *owner: .*\n/m, '');
    await writeFile(join(shell.work, 'cluster.yaml'), mine);
  });

  test('a key of its own, which the line of authorized_keys lets in', async () => {
    await expectAsWritten('key');
    const key = readFileSync(join(home, '.ssh/cluster-ca.pub'), 'utf8');
    const line = block('authorized_keys').replace('10.0.0.0/24', '127.0.0.0/8');
    writeFileSync(sshd.authorizedKeys, line.replace(/ssh-ed25519 .*\n/, key));
    // ssh takes ~ from the user database, not from HOME.
    const config = block('~/.ssh/config')
      .replace('10.0.0.11', `127.0.0.1\n  Port ${sshd.port}\n  UserKnownHostsFile ${home}/.ssh/known_hosts`)
      .replace('User root', `User ${new URL(sshd.destination).username}`)
      .replaceAll('~', home);
    writeFileSync(sshd.config, config);
  });

  test('the host key, looked at and then known', async () => {
    await expectAsWritten('scan');
    const [, fingerprint = ''] = /SHA256:(\S+)/.exec((await shell.bash('ssh-keygen -lf redis-1.key')).stdout) ?? [];
    const own = await shell.bash(`ssh-keygen -lf ${sshd.hostKey}.pub`);
    expect(own.stdout).toContain(fingerprint);
    await expectAsWritten('known');
  });

  test('issue, deploy, verify', async () => {
    await expectAsWritten('first');
    const key = await stat(join(shell.work, 'etc/tls/key.pem'));
    expect(key.mode & 0o7777).toBe(0o640);
  });

  test('sockets, by that line of authorized_keys; without port-forwarding none', async () => {
    const path = join(shell.work, 'socket');
    const listener = createServer((socket) => socket.end('here'));
    await new Promise<void>((resolve) => listener.listen(path, resolve));
    process.env.PATH = sshd.path;
    const host = new SshHost('redis-1');
    try {
      let answer = '';
      for await (const chunk of await host.connect(path)) answer += chunk;
      expect(answer).toBe('here');
      await host.close();
      const keys = readFileSync(sshd.authorizedKeys, 'utf8');
      writeFileSync(sshd.authorizedKeys, keys.replace(',port-forwarding', ''));
      await expect(host.connect(path)).rejects.toMatchObject({
        message: expect.stringMatching(/its sshd does not lead there$/),
      });
    } finally {
      await host.close();
      listener.close();
    }
  });
});
