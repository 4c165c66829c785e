import * as z from 'zod';
import { deployedSchema, errorSchema, nodeName, planeName } from '../http/schemas.ts';
import { rolloverResultSchema } from '../rollover/schemas.ts';

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
  maxUnavailable: z.int().min(1).max(1000).optional().describe('nodes at the same time; default: one'),
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
  services: z.array(deployedSchema),
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
  nodes: z.array(nodeResultSchema).describe('of a rotation: a result for each node and plane, when it has ended'),
  rollover: rolloverResultSchema.optional().describe('of a step of a rollover: where it stands then'),
  error: z.object({ type: z.string(), detail: z.string() }).loose().optional().describe('what stopped all of it'),
});
