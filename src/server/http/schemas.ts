import * as z from 'zod';
import { isNodeName } from '../../issuance/names.ts';

// What requests and answers are made of. The requests are validated by these, and the OpenAPI document is made of them.

const time = z.iso.datetime().describe('RFC 3339, UTC');

/** A node's name: checked as everywhere, so that nothing else ever gets behind a route. */
export const nodeName = z
  .string()
  .max(64)
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/, 'not a node’s name')
  .refine(isNodeName, 'not a node’s name');

export const planeName = z.string().regex(/^[a-z]([a-z0-9-]{0,14}[a-z0-9])?$/, 'not a plane');

export const certificateSchema = z
  .object({
    kind: z.enum(['node', 'client', 'probe']),
    node: z.string().describe("the node's or client's name"),
    plane: z.string().optional(),
    profile: z.string(),
    serial: z.string().describe('lower-case hex'),
    fingerprint: z.string().describe('SHA-256 of the DER, lower-case hex'),
    subject: z.string(),
    subjectAltNames: z.array(z.string()),
    issuer: z.string(),
    authority: z.string(),
    keyType: z.string(),
    notBefore: time,
    notAfter: time,
    dueAt: time,
    status: z.enum(['valid', 'expired', 'revoked', 'superseded']),
    revokedAt: time.optional(),
    revocationReason: z.string().optional(),
  })
  .describe('a certificate of this CA; never a private key');

export const certificatesSchema = z.object({ schemaVersion: z.literal(1), certificates: z.array(certificateSchema) });

export const alertSchema = z.object({
  name: z.string(),
  severity: z.enum(['info', 'warning', 'critical']),
  subject: z.string(),
  message: z.string(),
  hint: z.string().describe('the command that helps'),
  since: time,
  expiresAt: time.optional(),
});

export const alertsSchema = z.object({
  schemaVersion: z.literal(1),
  attention: z.boolean(),
  alerts: z.array(alertSchema),
});

export const errorSchema = z.object({ code: z.string(), message: z.string(), hint: z.string().optional() });

export const deployedSchema = z.object({
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
