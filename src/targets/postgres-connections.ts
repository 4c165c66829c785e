import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { ClusterCaError } from '../errors.ts';
import type { Psql } from './postgres-psql.ts';
import type { OldConnections } from './target.ts';

/** Between two looks at whether a stream is back. Milliseconds. */
const PAUSE = 200;

/** A moment in the server's time, as SQL. */
export type Moment = string;

/** By its clock, so that ours need not agree. */
export function momentOf(since: Date): Moment {
  const elapsed = Math.max(0, (Date.now() - since.getTime()) / 1000);
  return `(clock_timestamp() - interval '${elapsed.toFixed(3)} seconds')`;
}

const counts = z.object({ clients: z.number(), logical: z.number(), streams: z.number(), upstream: z.number() });

/** Sessions with TLS that began before a moment. @throws ERR_REMOTE, ERR_TIMEOUT */
export async function oldSessions(psql: Psql, before: Moment): Promise<OldConnections> {
  const { clients, logical, streams, upstream } = await psql.row(
    `select
       count(*) filter (where s.ssl and a.backend_type = 'client backend') as clients,
       count(*) filter (where s.ssl and a.backend_type = 'walsender' and l.slot_type = 'logical') as logical,
       count(*) filter (where s.ssl and a.backend_type = 'walsender' and l.slot_type is distinct from 'logical') as streams,
       count(*) filter (where a.backend_type = 'walreceiver') as upstream
     from pg_stat_activity a left join pg_stat_ssl s using (pid) left join pg_replication_slots l on l.active_pid = a.pid
     where a.backend_start < ${before}`,
    counts,
  );
  const parts = [
    count(clients, 'client session'),
    count(streams, 'replication link'),
    count(logical, 'logical replication link'),
    count(upstream, 'link to its primary', 'links to its primary'),
  ].filter((part) => part !== undefined);
  return { count: clients + streams + logical + upstream, what: parts.join(', ') };
}

/**
 * Ends the streams to standbys that began before a moment, one at a time; each standby connects again by itself, with
 * the files that it has by then. Client sessions are left alone, because an operation under way would fail; so is
 * logical replication, whose receivers are not all ours; a link to the primary can only be ended there.
 * @param timeout milliseconds for each to be there again
 * @throws ERR_REMOTE, ERR_TIMEOUT
 */
export async function cycleStreams(psql: Psql, before: Moment, timeout: number): Promise<void> {
  const old = await psql.rows(
    `select a.pid, coalesce(r.application_name, '') as name
     from pg_stat_activity a join pg_stat_ssl s using (pid) join pg_stat_replication r using (pid)
       left join pg_replication_slots l on l.active_pid = a.pid
     where s.ssl and r.state = 'streaming' and l.slot_type is distinct from 'logical' and a.backend_start < ${before}
     order by a.backend_start`,
    z.object({ pid: z.number(), name: z.string() }),
  );
  for (const { pid, name } of old) {
    const there = await streaming(psql);
    if (!there.includes(pid)) continue;
    const { ended } = await psql.row(`select pg_terminate_backend(${pid}) as ended`, z.object({ ended: z.boolean() }));
    if (ended) await again(psql, pid, there.length, name, timeout);
  }
}

async function again(psql: Psql, ended: number, count: number, name: string, timeout: number): Promise<void> {
  const deadline = Date.now() + timeout;
  for (;;) {
    await sleep(PAUSE);
    const now = await streaming(psql);
    if (!now.includes(ended) && now.length >= count) return;
    if (Date.now() > deadline)
      throw new ClusterCaError(
        'ERR_TIMEOUT',
        `${name} does not stream again ${timeout / 1000} s after its link was ended`,
        {
          hint: "the standby's log says why: its sslcert, sslkey and sslrootcert in primary_conninfo",
        },
      );
  }
}

async function streaming(psql: Psql): Promise<number[]> {
  const rows = await psql.rows(
    `select pid from pg_stat_replication where state = 'streaming'`,
    z.object({ pid: z.number() }),
  );
  return rows.map(({ pid }) => pid);
}

function count(n: number, one: string, many = `${one}s`): string | undefined {
  return n === 0 ? undefined : `${n} ${n === 1 ? one : many}`;
}
