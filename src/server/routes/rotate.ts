import * as z from 'zod';
import { sha256Hex } from '../../crypto/hash.ts';
import { isClusterCaError } from '../../errors.ts';
import { recordsOfRequest } from '../../issuance/issue-request.ts';
import { checkPlanes } from '../../issuance/names.ts';
import { rotationHash } from '../../issuance/request-hash.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import { selectForRotation } from '../../rotation/select.ts';
import type { Caller } from '../caller.ts';
import type { Job } from '../jobs.ts';
import { Problem } from '../problem.ts';
import { rotateLive } from '../rotation.ts';
import { jobSchema, LOGICAL_PLANES, rotateBodySchema, rotateHeadersSchema } from '../rotation-schemas.ts';
import { type Reply, type Route, route } from '../route.ts';
import type { Service } from '../service.ts';

const LONGEST_WAIT = 900;

type RotateBody = z.output<typeof rotateBodySchema>;

/** What a key stands for while the daemon runs; after a restart the log knows it. */
interface Keyed {
  hash: string;
  job: Job;
  ended: Promise<Job>;
}

/** `POST /v1/cluster/certificates/rotate`, `GET /v1/jobs/{job}` */
export function rotateRoutes(service: Service): Route[] {
  const keyed = new Map<string, Keyed>();
  return [
    route({
      id: 'rotate',
      method: 'POST',
      path: '/v1/cluster/certificates/rotate',
      summary: 'new keys and certificates for nodes, in their live services',
      description:
        'Issues, deploys node by node, and confirms by what is served. 200 when all have rotated, 409 with the results when not. Where the wait ends before the work does: 202, and the job goes on.',
      access: { to: 'roles', roles: ['operator'] },
      headers: rotateHeadersSchema,
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
        const started = await start(service, keyed, body ?? {}, key, caller as Caller);
        const { wait, applied } = preference(prefer);
        const ended = await withinSeconds(started.ended, wait, service.stopping);
        const reply = ended === undefined ? accepted(started.job) : outcome(ended);
        return applied === undefined
          ? reply
          : { ...reply, headers: { ...reply.headers, 'Preference-Applied': applied } };
      },
    }),
    route({
      id: 'job',
      method: 'GET',
      path: '/v1/jobs/{job}',
      summary: 'how far a rotation is',
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
  keyed: Map<string, Keyed>,
  { name, nodes }: RotateBody,
  key: string | undefined,
  caller: Caller,
): Promise<{ job: Job; ended: Promise<Job> }> {
  const { writer, jobs, now, journal } = service;
  const { keystore } = writer;
  const planes = name === undefined ? undefined : checkPlanes([LOGICAL_PLANES[name] ?? name], keystore.state.policy);
  const names = [...new Set(nodes ?? [])].sort().map((node) => `node:${node}`);
  const hash = rotationHash({ names, all: nodes === undefined, due: false, planes: planes ?? [] });
  const requestId = key === undefined ? newRequestId() : requestIdOf(caller, key);
  const known = keyed.get(requestId);
  if (known !== undefined) {
    if (known.hash !== hash) throw otherRequest();
    return known;
  }
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
    run: (onDone) =>
      rotateLive(service, { items, requestId, requestHash: hash, onNodes: (done) => onDone(done.length) }),
  });
  if (key !== undefined) remember(keyed, requestId, { hash, ...started });
  journal.say('rotate', { job: started.job.id, by: caller.name, certificates: items.length });
  void started.ended.then((job) => service.rotated(job));
  return started;
}

/** A key is the caller's own: somebody else's same key is another. */
function requestIdOf({ name }: Caller, key: string): string {
  return `rest-${sha256Hex(new TextEncoder().encode(`${name}\0${key}`)).slice(0, 48)}`;
}

async function refuseOtherRequest({ writer }: Service, requestId: string, requestHash: string): Promise<void> {
  try {
    await recordsOfRequest(writer.keystore, { requestId, requestHash });
  } catch (error) {
    throw isClusterCaError(error, 'ERR_EXISTS') ? otherRequest() : error;
  }
}

function otherRequest(): Problem {
  return new Problem(422, 'idempotency-key', 'this Idempotency-Key stands for another request', {
    hint: 'a key names one request for ever: take a new one',
  });
}

function remember(keyed: Map<string, Keyed>, requestId: string, entry: Keyed): void {
  if (keyed.size >= 1000) keyed.delete(keyed.keys().next().value as string);
  keyed.set(requestId, entry);
}

/** RFC 7240: what of the preferences is heeded. */
function preference(prefer = ''): { wait: number; applied: string | undefined } {
  const parts = prefer.split(',').map((part) => part.trim().toLowerCase());
  if (parts.includes('respond-async')) return { wait: 0, applied: 'respond-async' };
  const seconds = parts.flatMap((part) => /^wait\s*=\s*"?(\d{1,6})"?$/.exec(part)?.[1] ?? [])[0];
  if (seconds === undefined) return { wait: LONGEST_WAIT, applied: undefined };
  const wait = Math.min(Number(seconds), LONGEST_WAIT);
  return { wait, applied: `wait=${wait}` };
}

/** What the work comes to; undefined when it takes longer, or the daemon stops. */
function withinSeconds<T>(work: Promise<T>, seconds: number, stopping: Promise<unknown>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), seconds * 1000);
    void stopping.then(() => resolve(undefined));
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function accepted(job: Job): Reply {
  return { status: 202, body: jobDocument(job), headers: { Location: `/v1/jobs/${job.id}` } };
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

function jobDocument({ id, by, state, createdAt, endedAt, progress, nodes, problem }: Job) {
  return {
    schemaVersion: 1,
    job: id,
    by,
    state,
    createdAt,
    ...(endedAt === undefined ? {} : { endedAt }),
    progress,
    nodes,
    ...(problem === undefined ? {} : { error: problem.document }),
  };
}
