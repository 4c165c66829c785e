import type { KeystoreWriter } from '../keystore/writer.ts';

/**
 * Records that nodes have no agent any more: those of these with nothing but revoked and expired certificates. Their agents
 * are refused, so whatever such a node is issued later is deployed as of any other, until an agent reports from there
 * again. The caller holds the turn among the writers.
 */
export async function recordAgentsLeft(
  writer: KeystoreWriter,
  requestId: string,
  nodes: ReadonlySet<string>,
): Promise<void> {
  const { keystore, options } = writer;
  await writer.commit('agents', requestId, async () => {
    const left: string[] = [];
    for (const node of keystore.state.agents ?? []) {
      if (!nodes.has(node)) continue;
      const rows = await keystore.query((index) => index.ofName('node', node));
      const now = options.now().getTime();
      if (rows.every(({ revoked, notAfter }) => revoked !== undefined || notAfter + 1000 <= now)) left.push(node);
    }
    return left.length === 0 ? undefined : { joined: [], left };
  });
}
