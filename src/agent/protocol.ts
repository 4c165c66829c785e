import * as z from 'zod';
import { FORMS } from '../rollover/phase.ts';

// What daemon and agent say to each other. The daemon validates by these schemas what comes, and so does the agent.

const name = z.string().min(1).max(256);
const fingerprint = z.string().regex(/^[0-9a-f]{64}$/, 'not a fingerprint');
const plane = z.string().regex(/^[a-z]([a-z0-9-]{0,14}[a-z0-9])?$/, 'not a plane');
const rotationId = z.string().regex(/^[0-9a-f]{32}$/, 'not a rotation');

/** How the daemon knows a state of things: equal when nothing has changed. */
export const versionSchema = z.string().regex(/^[0-9a-f]{32}$/, 'not a version');

/** What a node is to have: the same for all nodes of a cluster. */
export const desiredSchema = z.object({
  version: versionSchema,
  cluster: name,
  trustBundle: z.string().describe('PEM: the trust anchors, those that an operator has added too'),
  anchors: z.string().describe('PEM: those of this cluster, by which the daemon itself is known'),
  crls: z
    .array(
      z.object({
        authority: name,
        role: z.enum(['root', 'intermediate', 'issuing']),
        nextUpdate: z.string().describe('RFC 3339'),
        pem: z.string(),
      }),
    )
    .describe('in the order of one file: issuing CAs newest first, roots last'),
  issuer: fingerprint
    .optional()
    .describe('SHA-256 of the certificate of the CA that signs now: what another has signed is due'),
  policy: z
    .object({ rotateBefore: z.number().positive(), nodeLifetime: z.number().positive() })
    .describe('seconds: when a certificate is due'),
});
export type Desired = z.infer<typeof desiredSchema>;

/** In a rollover: what an agent is to prove of its services. */
export const proofAskSchema = z.object({
  id: rotationId,
  form: z.enum(FORMS),
  old: z.string().optional().describe('PEM: the root that goes'),
  new: z.string().optional().describe('PEM: the root that comes'),
  issuers: z
    .array(z.object({ name: z.string().describe('DER, base64'), side: z.enum(['old', 'new']) }))
    .describe('whose certificates are of which root'),
  others: z
    .enum(['old'])
    .optional()
    .describe('of which root all other certificates are, where a foreign CA is taken over'),
});
export type ProofAsk = z.infer<typeof proofAskSchema>;

export const nextSchema = desiredSchema.extend({
  schemaVersion: z.literal(1),
  rotations: z
    .array(
      z.object({
        id: rotationId,
        planes: z.array(z.object({ plane, serial: z.string().max(64).describe('of the certificate to be replaced') })),
      }),
    )
    .describe('to be rotated now, whether due or not; to be reported by their ids'),
  proof: proofAskSchema
    .optional()
    .describe('to be proven now, when the services have what they are to have: whom they trust, what they show'),
});
export type Next = z.infer<typeof nextSchema>;

const error = z.object({
  code: z.string().max(64),
  message: z.string().max(2000),
  hint: z.string().max(2000).optional(),
});

export const reportedServiceSchema = z.strictObject({
  plane,
  kind: z.enum(['redis', 'sentinel', 'etcd', 'postgres', 'haproxy', 'nginx', 'files', 'exec']),
  address: name.optional(),
  dir: z.string().min(1).max(1024),
  state: z.enum(['confirmed', 'placed', 'unchanged', 'pending', 'failed']),
  served: fingerprint.optional().describe('SHA-256 of the certificate that it serves, as far as it was seen'),
  onDisk: fingerprint.optional().describe('of the one in its directory'),
  trusts: z.array(fingerprint).max(64).describe('SHA-256 of the anchors in its ca.pem'),
  oldConnections: z.strictObject({ count: z.int().min(0), what: z.string().max(1000) }).optional(),
  error: error.optional(),
});
export type ReportedService = z.infer<typeof reportedServiceSchema>;

/** What was found of one service in one role: by handshakes, or in its files. */
export const reportedProofSchema = z.strictObject({
  plane,
  service: z.string().min(1).max(1100).describe('its kind and address or directory: `redis 127.0.0.1:7001`'),
  role: z.enum(['accept', 'connect']),
  trustsOld: z.boolean().optional(),
  trustsNew: z.boolean().optional(),
  serves: z.enum(['old', 'new']).optional(),
  checksNone: z.boolean().optional().describe('it asks for no client certificate, or is meant to take any'),
  provenBy: z.enum(['handshake', 'file']).optional(),
  fingerprint: fingerprint.optional().describe('SHA-256 of the certificate that it shows'),
  how: z.string().max(2000).optional().describe('more of how it is known, in the role `connect`'),
  error: z.string().max(2000).optional(),
});
export type ReportedProof = z.infer<typeof reportedProofSchema>;

export const reportSchema = z.strictObject({
  agent: z.string().max(64).describe('the version of the agent'),
  version: versionSchema.optional().describe('of the state that it has brought about'),
  rank: z.int().min(0).max(1).describe('1: one of its servers is a primary or leader, and goes last'),
  certificates: z
    .array(z.strictObject({ plane, fingerprint, serial: z.string().max(64), notAfter: z.string().max(32) }))
    .max(16),
  services: z.array(reportedServiceSchema).max(200),
  rotations: z
    .array(z.strictObject({ id: rotationId, error: error.optional() }))
    .max(64)
    .describe('those that have ended: what became of them is in `services`'),
  proof: z
    .strictObject({
      id: rotationId,
      proofs: z.array(reportedProofSchema).max(400),
      error: z.string().max(2000).optional().describe('why nothing could be proven'),
    })
    .optional()
    .describe('the answer to the `proof` that was asked for'),
});
export type Report = z.infer<typeof reportSchema>;

/** Certificates for one key of the agent's, PEM, to ask its services with: they differ in nothing but their issuer. */
const chains = {
  old: z.string().optional(),
  new: z.string().optional(),
  stranger: z.string().describe('of a CA that was made for this, and that nobody has heard of'),
};
export const probesSchema = z.object({
  schemaVersion: z.literal(1),
  ...chains,
  listener: z
    .object({
      ...chains,
      name: z.string().describe('a DNS name in them that is the same in every run'),
      ownName: z.string().describe('one that is in these alone'),
    })
    .optional()
    .describe(
      'where it was asked for: what a service is shown that the agent makes connect to itself; serverAuth alone',
    ),
});
