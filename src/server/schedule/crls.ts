import { type CrlAudience, crlAudience, publishCrl } from '../../deployment/publish-crl.ts';
import { liveAuthorities } from '../../keystore/hierarchy.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import type { Authority } from '../../keystore/log/bodies.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import { renewCrls } from '../../revocation/renew-crls.ts';
import type { Service } from '../service.ts';

const DAY = 86_400_000;

/**
 * Renews the CRLs that are due, and gives them to the services that read one.
 * @throws ERR_LOCKED, or what storage says
 */
export async function renewDueCrls(service: Service, keystore: Keystore): Promise<void> {
  const { writer, now, ctx, metrics, journal, inventory, jobs } = service;
  const at = now().getTime();
  if (crlsDue(keystore, at).length === 0) return;
  const crls = await writer.inTurn(ctx.globals.wait, () =>
    renewCrls(writer, crlsDue(writer.keystore, at), writer.daily, newRequestId()),
  );
  journal.say('crl', { renewed: crls.map(({ authority }) => authority), until: crls[0]?.nextUpdate });
  metrics.lastRun.set({ what: 'crl' }, at / 1000);
  const { path } = inventory;
  if (path === undefined) return;
  // A service that does not take it is undone in the log, and tried again as any other.
  const { ended } = jobs.add({
    by: 'schedule',
    total: 0,
    run: async () => {
      await publishCrl(ctx, writer, withoutAgents(await crlAudience(writer.keystore, path), writer.keystore));
      return { nodes: [] };
    },
  });
  void ended.then(({ problem }) => {
    if (problem !== undefined) journal.say('schedule-failed', { what: 'crl', error: problem.message });
  });
}

/** Nodes with an agent take the CRL themselves. */
function withoutAgents(audience: CrlAudience, { state: { agents = [] } }: Keystore): CrlAudience {
  const units = audience.deployment.units.filter(
    ({ holder }) => holder.kind !== 'node' || !agents.includes(holder.name),
  );
  return { ...audience, deployment: { ...audience.deployment, units } };
}

/** The issuing CAs whose CRL is a day old, or past half its life. */
function crlsDue(keystore: Keystore, at: number): Authority[] {
  const { crls } = keystore.state;
  return liveAuthorities(keystore.state).filter(({ id, role }) => {
    if (role !== 'issuing' || keystore.authorityCertificate(id).notAfter <= at) return false;
    const crl = crls.find(({ authority }) => authority === id);
    if (crl === undefined) return true;
    const [from, until] = [Date.parse(crl.thisUpdate), Date.parse(crl.nextUpdate)];
    return at >= from + Math.min(DAY, (until - from) / 2);
  });
}
