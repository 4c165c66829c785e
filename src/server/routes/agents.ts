import * as z from 'zod';
import { nextSchema, probesSchema, reportSchema, versionSchema } from '../../agent/protocol.ts';
import { sha256Hex } from '../../crypto/hash.ts';
import { reportedFindings } from '../../drift/reported.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import { decodePem } from '../../pki/pem.ts';
import { certifyProbes } from '../../rollover/evidence/probes.ts';
import { probeKey } from '../agents/node-items.ts';
import { Problem } from '../http/problem.ts';
import { type Route, route } from '../http/route.ts';
import { nodeName } from '../http/schemas.ts';
import { refuseInTakeover } from '../rollover/refuse-takeover.ts';
import type { Service } from '../service.ts';

/** The longest that a poll is held, seconds. */
const LONGEST = 300;

/** `GET /v1/nodes/{node}/next`, `POST /v1/nodes/{node}/report`: the agent of a node. */
export function agentRoutes(service: Service): Route[] {
  const { keystore, now, agents, desired } = service;
  return [
    route({
      id: 'nextOfNode',
      method: 'GET',
      path: '/v1/nodes/{node}/next',
      summary: 'what a node is to have, when that is news: a long poll',
      description:
        'Answers at once when the state is not the one that was `seen`, or a rotation was asked for; else when one of these comes, or with 204 when the wait is over. A node has one poll: a newer one ends the older.',
      access: { to: 'own-node' },
      params: z.strictObject({ node: nodeName }),
      query: z.strictObject({
        wait: z
          .string()
          .regex(/^\d{1,3}$/, 'not a number of seconds')
          .transform(Number)
          .pipe(z.number().max(LONGEST))
          .optional()
          .describe(`seconds that it may be held, ${LONGEST} at most; default: not at all`),
        seen: versionSchema.optional().describe('the version of the last answer'),
        restarts: z
          .enum(['true', 'false'])
          .optional()
          .describe('its servers are restarted for new trust: it gets it when no other such node is at it'),
      }),
      answers: {
        200: { description: 'the news', schema: nextSchema },
        204: { description: 'there is none' },
      },
      handle: async ({ params: { node }, query: { wait = 0, seen, restarts }, gone }) => {
        const until = performance.now() + wait * 1000;
        for (;;) {
          const read = await keystore.current();
          refuseInTakeover(read);
          const state = await desired.of(read, now());
          const isNews = state.version !== seen;
          const waits = isNews && restarts === 'true' && seen !== undefined && !agents.mayRestart(node, state.version);
          const rotations = waits ? [] : agents.rotationsOf(node);
          const proof = waits ? undefined : agents.proofOf(node);
          if ((isNews && !waits) || rotations.length > 0 || proof !== undefined)
            return { body: { schemaVersion: 1, ...state, rotations, ...(proof === undefined ? {} : { proof }) } };
          const left = until - performance.now();
          if (left <= 0 || agents.isStopped) return { status: 204, body: '' };
          if (!(await agents.hold(node, left, gone))) return { status: 204, body: '' };
        }
      },
    }),
    route({
      id: 'probesOfNode',
      method: 'POST',
      path: '/v1/nodes/{node}/probes',
      summary: 'certificates for a node’s agent to ask its own services with, in a rollover',
      description:
        'Only while it is asked to prove something (`next`). A certification request in, of which only the public key is taken; out come certificates for it under the old and the new root, where their keys are ours, and under a CA that nobody has heard of: clientAuth alone (`listener`: serverAuth alone), an hour to each side of now, in the log. The key stays in the agent’s memory.',
      access: { to: 'own-node' },
      params: z.strictObject({ node: nodeName }),
      body: z.strictObject({
        csr: z.string().min(1).max(32_768).describe('PEM; ECDSA P-256'),
        listener: z
          .boolean()
          .optional()
          .describe('also those that a service is shown that is made to connect to the agent'),
      }),
      answers: { 200: { description: 'the certificates, each with its issuing CA', schema: probesSchema } },
      handle: async ({ params: { node }, body, caller }) => {
        if (agents.proofOf(node) === undefined)
          throw new Problem(409, 'not-asked', `the agent of ${node} is not asked to prove anything now`);
        const chains = await certifyProbes(
          service.writer,
          service.ctx.globals.wait,
          probeKey(body.csr),
          { node, askedWith: caller?.serial ?? '' },
          body.listener ?? false,
        );
        return { body: { schemaVersion: 1, ...chains } };
      },
    }),
    route({
      id: 'reportOfNode',
      method: 'POST',
      path: '/v1/nodes/{node}/report',
      summary: 'what the services of a node serve and trust, as its agent sees it',
      description: 'Its first makes the node one that has an agent: it is rotated through that from then on.',
      access: { to: 'own-node' },
      params: z.strictObject({ node: nodeName }),
      body: reportSchema,
      answers: { 204: { description: 'heard' } },
      handle: async ({ params: { node }, body: report }) => {
        const current = await keystore.current();
        refuseInTakeover(current);
        const state = await desired.of(current, now());
        const findings = reportedFindings(report, {
          node,
          issued: await issuedTo(current, node),
          anchors: anchorsIn(state.trustBundle),
          version: state.version,
        });
        await join(service, current, node);
        agents.tell(node, { report, at: now().getTime(), findings });
        return { status: 204, body: '' };
      },
    }),
  ];
}

/** SHA-256 of the newest certificate of a node on each plane. */
async function issuedTo(keystore: Keystore, node: string): Promise<Map<string, string>> {
  const issued = new Map<string, string>();
  for (const plane of keystore.state.policy.planes) {
    const row = await keystore.query((index) => index.current('node', node, plane));
    if (row !== undefined) issued.set(plane, sha256Hex(await keystore.der(row)));
  }
  return issued;
}

function anchorsIn(pem: string): string[] {
  return decodePem(pem).map(({ bytes }) => sha256Hex(bytes));
}

/** That a node has an agent is in the log, so that a silent one is missed after a restart, too. */
async function join({ writer, ctx, journal }: Service, current: Keystore, node: string): Promise<void> {
  if (current.state.agents?.includes(node)) return;
  const joined = await writer.inTurn(ctx.globals.wait, () =>
    writer.commit('agents', newRequestId(), async () =>
      writer.keystore.state.agents?.includes(node) ? undefined : { joined: [node], left: [] },
    ),
  );
  if (joined !== undefined) journal.say('agent', { node });
}
