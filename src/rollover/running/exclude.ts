import { ClusterCaError } from '../../errors.ts';
import { inProgress } from '../../keystore/hierarchy.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import type { KeystoreWriter } from '../../keystore/writer.ts';
import { agentProbes } from '../../revocation/agent-probes.ts';
import { type RevocationTarget, revokeCertificates } from '../../revocation/revoke.ts';
import { sideOfAuthority } from '../evidence/sides.ts';
import { type Holder, holderKey } from '../planning/subject.ts';

/**
 * Leaves nodes and clients out of the rollover, by name: a record says so, and every unexpired certificate of theirs is
 * revoked. The caller holds the turn among the writers.
 */
export async function excludeHolders(
  writer: KeystoreWriter,
  requestId: string,
  holders: readonly Holder[],
): Promise<void> {
  const { keystore } = writer;
  await writer.commit('exclude', requestId, async () => {
    if (!inProgress(keystore.state))
      throw new ClusterCaError('ERR_STATE', 'the rollover is over: nobody can be left out of it any more', {
        hint: 'cluster-ca rollover status',
      });
    // Of who was given a certificate since, the revocation below is enough.
    const known = new Set((keystore.state.rollover?.excluded ?? []).map(holderKey));
    const fresh = holders.filter((holder) => !known.has(holderKey(holder)));
    return fresh.length === 0 ? undefined : { holders: fresh.map(({ kind, name }) => ({ kind, name })) };
  });
  const now = writer.options.now();
  await revokeCertificates(writer, {
    find: () => openOf(keystore, holders, now),
    reason: 'cessationOfOperation',
    invalidityDate: undefined,
    requestId,
  });
}

/** Every unexpired certificate of theirs that is not revoked, the last of each plane even where it has ended, and those of the nodes' agents. */
async function openOf(keystore: Keystore, holders: readonly Holder[], now: Date): Promise<RevocationTarget[]> {
  const targets: RevocationTarget[] = [];
  for (const { kind, name } of holders) {
    const own = await keystore.query((index) => index.ofName(kind, name));
    const probes = kind === 'node' ? await agentProbes(keystore, name, now) : [];
    for (const row of [...own, ...probes])
      if (
        row.revoked === undefined &&
        ((row.kind !== 'probe' && !row.superseded) || row.notAfter + 1000 > now.getTime())
      )
        targets.push({ authority: row.authority, serial: row.serial, notAfter: row.notAfter, row });
  }
  return targets;
}

/** Those of them that have a certificate of the new root: where no CRL is read it is accepted behind `retire`, too. */
export async function acceptedBehind(keystore: Keystore, holders: readonly Holder[], now: Date): Promise<string[]> {
  const names: string[] = [];
  for (const { kind, name } of holders) {
    const rows = await keystore.query((index) => index.ofName(kind, name));
    const lives = rows.some(
      ({ authority, notAfter }) =>
        notAfter + 1000 > now.getTime() && sideOfAuthority(keystore.state, authority) === 'new',
    );
    if (lives) names.push(name);
  }
  return names;
}
