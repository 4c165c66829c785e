import type * as z from 'zod';
import { sha256Hex } from '../../crypto/hash.ts';
import { isClusterCaError } from '../../errors.ts';
import { recordsOfRequest } from '../../issuance/issue-request.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import type { Direction } from '../../rollover/planning/planner.ts';
import { boardByLog } from '../../rollover/running/board.ts';
import { Keys, otherRequest, replyWhenDone, requestIdOf, type Started, workHeadersSchema } from '../asked.ts';
import type { Caller } from '../http/caller.ts';
import { Problem } from '../http/problem.ts';
import { type Reply, type Route, route } from '../http/route.ts';
import { type Job, jobDocument } from '../jobs.ts';
import { requireInventory } from '../rollover/require-inventory.ts';
import { checkMove, hasMoved, moveRollover, outcomeByLog } from '../rollover/rollover.ts';
import { moveBodySchema, refusedMoveSchema, rolloverSchema } from '../rollover/schemas.ts';
import { jobSchema } from '../rotation/schemas.ts';
import type { Service } from '../service.ts';

type MoveBody = z.output<typeof moveBodySchema>;

const MOVES: Record<Direction, { id: string; path: string; summary: string; description: string }> = {
  forward: {
    id: 'advanceRollover',
    path: '/v1/rollover/advance',
    summary: 'one phase on: prove, record, deploy what the phase wants',
    description:
      'As `cluster-ca rollover advance`: everything is proven anew, the next phase recorded, and what it wants given to the services, by the agents of those nodes that have one. 409 when a guard does not hold, with who blocks and what helps; also for the last step, which needs the root domain: `rollover start`, every last step, and leaving out a node (`--exclude`) are the command line’s.',
  },
  back: {
    id: 'rollBackRollover',
    path: '/v1/rollover/rollback',
    summary: 'begin to take a rollover back, as far as that needs no root domain',
    description:
      'As `cluster-ca rollover rollback`, up to its last step, which is the command line’s: the certificates are of the old root again, the new one has gone out of the bundles.',
  },
};

/** `GET /v1/rollover`, `POST /v1/rollover/advance`, `POST /v1/rollover/rollback` */
export function rolloverRoutes(service: Service): Route[] {
  const { keystore, inventory, now } = service;
  const keys = new Keys();
  return [
    route({
      id: 'rollover',
      method: 'GET',
      path: '/v1/rollover',
      summary: 'where the rollover of the CA stands, what is proven of each service, who blocks',
      description: 'The document of `cluster-ca rollover status --json`: by the last proofs, nobody is asked.',
      access: { to: 'roles', roles: ['operator', 'auditor'] },
      answers: { 200: { description: 'the board', schema: rolloverSchema } },
      handle: async () => ({
        body: { schemaVersion: 1, ...(await boardByLog(await keystore.current(), inventory.get(), now())) },
      }),
    }),
    ...(['forward', 'back'] as const).map((direction) =>
      route({
        ...MOVES[direction],
        method: 'POST',
        access: { to: 'roles', roles: ['operator'] },
        headers: workHeadersSchema,
        body: moveBodySchema.nullish(),
        answers: {
          200: { description: 'done: `rollover` has the board of now', schema: jobSchema },
          202: { description: 'the work goes on: ask Location', schema: jobSchema },
          409: {
            description:
              'blocked (`urn:cluster-ca:problem:rollover-blocked`), a step of the command line’s (`…:needs-root-domain`), a daemon without an inventory where nodes have no agent (`…:needs-inventory`), or the step was taken and some services have not taken what it wants (`…:not-deployed`)',
            schema: refusedMoveSchema,
            type: 'application/problem+json',
          },
        },
        handle: async ({ body, headers, caller }) => {
          const { prefer, 'idempotency-key': key } = headers;
          const started = await start(service, keys, direction, body ?? {}, key, caller as Caller);
          return replyWhenDone(started, prefer, service.stopping, outcome, jobDocument);
        },
      }),
    ),
  ];
}

/** @throws Problem 409 for what can be told at once, 422 for a key that stands for another request; ERR_STATE */
async function start(
  service: Service,
  keys: Keys,
  direction: Direction,
  { from }: MoveBody,
  key: string | undefined,
  caller: Caller,
): Promise<Started> {
  const { writer, jobs, journal } = service;
  const hash = sha256Hex(new TextEncoder().encode(`rollover ${direction} ${from ?? ''}`));
  const requestId = key === undefined ? newRequestId() : requestIdOf(caller, key);
  const known = keys.find(requestId, hash);
  if (known !== undefined) return known;
  await writer.keystore.refresh();
  const bound = key === undefined ? undefined : await boundAt(service, requestId, hash);
  if (bound === undefined) {
    checkMove(writer.keystore, { direction, from });
    await requireInventory(writer.keystore, service.inventory, service.now());
  }
  const started = jobs.add({
    by: caller.name,
    total: 1,
    run: async () => {
      if (bound !== undefined && (await hasMoved(service, requestId, bound)))
        return { rollover: await outcomeByLog(service) };
      if (key !== undefined && bound === undefined) await bind(service, requestId, hash);
      return { rollover: await moveRollover(service, { direction, from, requestId }) };
    },
  });
  if (key !== undefined) keys.remember(requestId, hash, started);
  journal.say('rollover', { job: started.job.id, by: caller.name, direction });
  void started.ended.then((job) => service.advanced(job));
  return started;
}

/** The number of the record that binds the key; undefined for a new one. @throws Problem 422 */
async function boundAt({ writer }: Service, requestId: string, requestHash: string): Promise<number | undefined> {
  try {
    const records = await recordsOfRequest(writer.keystore, { requestId, requestHash });
    return records.size === 0 ? undefined : Math.min(...records);
  } catch (error) {
    throw isClusterCaError(error, 'ERR_EXISTS') ? otherRequest() : error;
  }
}

/** Binds a key to its request, by a reserve record of no serials. */
async function bind({ writer, ctx }: Service, requestId: string, requestHash: string): Promise<void> {
  await writer.inTurn(ctx.globals.wait, () =>
    writer.commit('reserve', requestId, async () => ({ requestHash, serials: [] })),
  );
}

function outcome(job: Job): Reply {
  if (job.problem !== undefined) throw job.problem;
  const verdict = job.rollover?.verdict;
  if (verdict === undefined) return { body: jobDocument(job) };
  const { code, message, hint } = verdict;
  throw new Problem(409, 'not-deployed', message, { code, hint, members: { ...jobDocument(job) } });
}
