import type { Op } from '../../src/keystore/log/bodies.ts';
import { newRequestId } from '../../src/keystore/request-id.ts';
import type { KeystoreWriter } from '../../src/keystore/writer.ts';
import { revokeCertificates } from '../../src/revocation/revoke.ts';
import { revocationTargets } from '../../src/revocation/targets.ts';

/** Has something done right before this writer's next record of a kind: what another process may do in between. */
export function beforeCommit(writer: KeystoreWriter, op: Op, work: () => Promise<unknown>): void {
  const commit = writer.commit;
  writer.commit = async (of, ...rest) => {
    if (of === op) {
      writer.commit = commit;
      await work();
    }
    return commit.call(writer, of, ...rest) as never;
  };
}

/** `revoke NODE`, by a writer that does not wait for its turn. */
export async function revokeNode(writer: KeystoreWriter, name: string, plane?: string): Promise<void> {
  const { keystore } = writer;
  const planes = plane === undefined ? undefined : [plane];
  await revokeCertificates(writer, {
    find: () =>
      revocationTargets(
        keystore,
        { type: 'name', name, kind: 'node' },
        { planes, authority: undefined, from: writer.options.now() },
      ),
    reason: 'keyCompromise',
    invalidityDate: undefined,
    requestId: newRequestId(),
  });
}
