import * as z from 'zod';
import { nodeName, planeName } from './schemas.ts';

/** Redis Enterprise's names of the internode certificates, and ours. */
export const LOGICAL_PLANES: Readonly<Record<string, string>> = {
  ccs_internode_encryption: 'control',
  data_internode_encryption: 'data',
};

export const rotateBodySchema = z.strictObject({
  name: z
    .union([planeName, z.enum(['ccs_internode_encryption', 'data_internode_encryption'])])
    .optional()
    .describe("of this plane alone; Redis Enterprise's names are understood"),
  nodes: z.array(nodeName).min(1).max(1000).optional().describe('of these nodes alone; default: of all'),
});

export const rotateHeadersSchema = z.looseObject({
  prefer: z
    .string()
    .max(200)
    .optional()
    .describe('RFC 7240: `wait=N` seconds, 900 at most and by default; `respond-async` answers 202 at once'),
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,128}$/, '1 to 128 printable characters without a space')
    .optional()
    .describe('the same key with the same request does not rotate twice, not even after a restart of the daemon'),
});

const errorSchema = z.object({ code: z.string(), message: z.string(), hint: z.string().optional() });

const serviceSchema = z.object({
  node: z.string(),
  plane: z.string().optional(),
  kind: z.string(),
  address: z.string().optional(),
  dir: z.string(),
  state: z.enum(['confirmed', 'placed', 'unchanged', 'pending', 'failed']),
  served: z.string().optional().describe('SHA-256 of the certificate that it serves'),
  oldConnections: z.object({ count: z.int(), what: z.string() }).optional(),
  error: errorSchema.loose().optional(),
});

const nodeResultSchema = z.object({
  kind: z.enum(['node', 'client']),
  node: z.string(),
  plane: z.string().optional(),
  state: z
    .enum(['rotated', 'pending', 'failed'])
    .describe('rotated: its services have the new certificate, confirmed; pending: the daemon goes on trying'),
  serial: z.string().optional(),
  notAfter: z.iso.datetime().optional(),
  services: z.array(serviceSchema),
  error: errorSchema.optional(),
});

export const jobSchema = z.object({
  schemaVersion: z.literal(1),
  job: z.string(),
  by: z.string(),
  state: z.enum(['waiting', 'running', 'done', 'failed']),
  createdAt: z.iso.datetime(),
  endedAt: z.iso.datetime().optional(),
  progress: z.object({ done: z.int(), total: z.int() }),
  nodes: z.array(nodeResultSchema).describe('a result for each node and plane, when it has ended'),
  error: z.object({ type: z.string(), detail: z.string() }).loose().optional().describe('what stopped all of it'),
});
