import * as z from 'zod';
import { isClusterCaError } from '../../errors.ts';
import { recordsOfRequest } from '../../issuance/issue-request.ts';
import { checkPlanes } from '../../issuance/names.ts';
import { rotationHash } from '../../issuance/request-hash.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import { selectForRotation } from '../../rotation/select.ts';
import { Keys, otherRequest, replyWhenDone, requestIdOf, type Started, workHeadersSchema } from '../asked.ts';
import type { Caller } from '../http/caller.ts';
import { Problem } from '../http/problem.ts';
import { type Reply, type Route, route } from '../http/route.ts';
import { type Job, jobDocument } from '../jobs.ts';
import { rotateLive } from '../rotation/rotation.ts';
import { jobSchema, LOGICAL_PLANES, rotateBodySchema } from '../rotation/schemas.ts';
import type { Service } from '../service.ts';

type RotateBody = z.output<typeof rotateBodySchema>;

/** `POST /v1/cluster/certificates/rotate`, `GET /v1/jobs/{job}` */
export function rotateRoutes(service: Service): Route[] {
  const keys = new Keys();
  return [
    route({
      id: 'rotate',
      method: 'POST',
      path: '/v1/cluster/certificates/rotate',
      summary: 'new keys and certificates for nodes, in their live services',
      description:
        'Issues, deploys node by node (or `maxUnavailable` of them at once, replicas before primaries), and confirms by what is served. 200 when all have rotated, 409 with the results when not. Where the wait ends before the work does: 202, and the job goes on.',
      access: { to: 'roles', roles: ['operator'] },
      headers: workHeadersSchema,
      body: rotateBodySchema.nullish(),
      answers: {
        200: { description: 'all have rotated', schema: jobSchema },
        202: { description: 'the work goes on: ask Location', schema: jobSchema },
        409: {
          description: 'some have not: which, and why',
          schema: jobSchema.partial().loose(),
          type: 'application/problem+json',
        },
      },
      handle: async ({ body, headers, caller }) => {
        const { prefer, 'idempotency-key': key } = headers;
        const started = await start(service, keys, body ?? {}, key, caller as Caller);
        return replyWhenDone(started, prefer, service.stopping, outcome, jobDocument);
      },
    }),
    route({
      id: 'job',
      method: 'GET',
      path: '/v1/jobs/{job}',
      summary: 'how far a rotation, or a step of a rollover, is',
      access: { to: 'roles', roles: ['operator', 'auditor'] },
      params: z.strictObject({ job: z.string().regex(/^[0-9a-f]{32}$/, 'not a job') }),
      answers: { 200: { description: 'the job', schema: jobSchema } },
      handle: async ({ params }) => {
        const job = service.jobs.get(params.job);
        if (job === undefined)
          throw new Problem(404, 'not-found', `there is no job ${params.job}`, {
            hint: 'jobs are forgotten when the daemon restarts; what they did is in the log: cluster-ca list',
          });
        return { body: jobDocument(job) };
      },
    }),
  ];
}

/** @throws Problem 422 for a key that stands for another request; what `selectForRotation` throws */
async function start(
  service: Service,
  keys: Keys,
  { name, nodes, maxUnavailable: atOnce = 1 }: RotateBody,
  key: string | undefined,
  caller: Caller,
): Promise<Started> {
  const { writer, jobs, now, journal } = service;
  const { keystore } = writer;
  const planes = name === undefined ? undefined : checkPlanes([LOGICAL_PLANES[name] ?? name], keystore.state.policy);
  const names = [...new Set(nodes ?? [])].sort().map((node) => `node:${node}`);
  const hash = rotationHash({ names, all: nodes === undefined, due: false, planes: planes ?? [] });
  const requestId = key === undefined ? newRequestId() : requestIdOf(caller, key);
  const known = keys.find(requestId, hash);
  if (known !== undefined) return known;
  await keystore.refresh();
  await refuseOtherRequest(service, requestId, hash);
  const selected = await selectForRotation(keystore, {
    names,
    all: nodes === undefined,
    due: false,
    planes,
    now: now(),
  });
  const items = selected.filter(({ kind }) => kind === 'node');
  const started = jobs.add({
    by: caller.name,
    total: new Set(items.map((item) => item.name)).size,
    run: async (onDone) => ({
      nodes: await rotateLive(service, {
        items,
        requestId,
        requestHash: hash,
        atOnce,
        onNodes: (done) => onDone(done.length),
      }),
    }),
  });
  if (key !== undefined) keys.remember(requestId, hash, started);
  journal.say('rotate', { job: started.job.id, by: caller.name, certificates: items.length });
  void started.ended.then((job) => service.rotated(job));
  return started;
}

/** @throws Problem 422 */
async function refuseOtherRequest({ writer }: Service, requestId: string, requestHash: string): Promise<void> {
  try {
    await recordsOfRequest(writer.keystore, { requestId, requestHash });
  } catch (error) {
    throw isClusterCaError(error, 'ERR_EXISTS') ? otherRequest() : error;
  }
}

function outcome(job: Job): Reply {
  if (job.problem !== undefined) throw job.problem;
  if (job.state === 'done') return { body: jobDocument(job) };
  const open = [...new Set(job.nodes.filter(({ state }) => state !== 'rotated').map(({ node }) => node))];
  throw new Problem(409, 'not-rotated', `not rotated: ${open.slice(0, 20).join(', ')}${open.length > 20 ? ' …' : ''}`, {
    hint: job.nodes.find(({ error }) => error?.hint !== undefined)?.error?.hint,
    code: 'ERR_PARTIAL',
    members: { ...jobDocument(job) },
  });
}
