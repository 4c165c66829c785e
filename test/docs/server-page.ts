import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import type { Sshd } from '../support/servers-ssh.ts';
import { blocks, consoleCommands, follow, type newShell, page, pattern } from './console.ts';

/**
 * A page about a kind of server, whose hosts are all here: 10.0.0.N is an address of this host's own (127.x.y.N, so that two runs do
 * not meet), and a directory of a node is below the node's own.
 */
export async function serverPage(name: string, shell: Awaited<ReturnType<typeof newShell>>) {
  const network = `127.${randomInt(1, 255)}.${randomInt(0, 255)}`;
  const address = (text: string): string => text.replaceAll('10.0.0.', `${network}.`);
  const found = blocks(await page(name));
  const block = (wanted: string): string => {
    const one = found.find((each) => each.name === wanted);
    if (one === undefined) throw new Error(`${name} has no ${wanted}`);
    return address(one.content);
  };
  /** Directories as they are on a node. */
  const onNode = (text: string, node: string): string =>
    text.replaceAll(/(?<=^|[=' [:])\/(?=(etc|var|run)\/)/gm, `${join(shell.work, node)}/`);
  const inNode = (text: string, node: string, change: (own: string) => string): string =>
    text.replace(new RegExp(`^  ${node}:\\n(?:    .*\\n)+`, 'm'), change);
  return {
    block,
    address,
    onNode,
    /** Changes what an inventory says of one node. */
    inNode,
    /** The page's cluster.yaml; every node is reached at one sshd, as this process's user. */
    inventory: (nodes: readonly string[], sshd: Sshd): string => {
      shell.env.PATH = `${sshd.bin}:${shell.env.PATH}`;
      const here = nodes.reduce(
        (text, node) => inNode(text, node, (own) => onNode(own, node)),
        block('cluster.yaml')
          .replaceAll(/(?<=^ *ssh: ).*/gm, sshd.destination)
          // Where they come from when they connect to each other.
          .replaceAll(/^( *ip: \[[\d.]+)\]/gm, '$1, 127.0.0.1]'),
      );
      return process.getuid?.() === 0 ? here : here.replaceAll(/^ *owner: .*\n|, owner: "[^"]*"/gm, '');
    },
    /** A keystore for it. */
    async initialise(): Promise<void> {
      Object.assign(shell.env, {
        CLUSTER_CA_KEYSTORE: join(shell.work, 'ca'),
        CLUSTER_CA_KEY_FILE: join(shell.work, 'key'),
      });
      const { code, stderr } = await shell.bash('cluster-ca init orders');
      expect([code, stderr]).toEqual([0, expect.any(String)]);
    },
    /** Runs the commands of the blocks of a name; they end well, and print what the page shows. */
    async expectAsWritten(wanted: string): Promise<void> {
      const shown = consoleCommands(
        found
          .filter((each) => each.name === wanted)
          .map(({ content }) => `\`\`\`console\n${content}\`\`\`\n`)
          .join(''),
      );
      expect(shown.length).toBeGreaterThan(0);
      const printed = await follow(
        shell,
        shown.map(({ command }) => command),
      );
      for (const [i, { command, output }] of shown.entries()) {
        expect(`$ ${command}\n${printed[i]}`).not.toMatch(/\[exit \d+\]/);
        expect(printed[i]).toMatch(pattern(output.map(address)));
      }
    },
  };
}
