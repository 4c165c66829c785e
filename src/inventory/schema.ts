import * as z from 'zod';
import { isDestination } from '../hosts/ssh/destination.ts';
import { alertSinksSchema } from './alerts-schema.ts';

/** A string as it is written: `1e3`, `null` and `012` are names. */
const text = z.string().min(1);
const duration = text.regex(/^[1-9]\d{0,8}[smhdy]$/, 'a duration such as 90d');
const ssh = text.refine(isDestination, 'is USER@HOST, or ssh://USER@HOST:PORT');
const owner = text.regex(/^\w[\w.-]*\$?(:\w[\w.-]*\$?)?$/, 'is USER or USER:GROUP');
const keyType = z.enum(['ecdsa-p256', 'ecdsa-p384', 'rsa-2048', 'rsa-3072', 'rsa-4096', 'ed25519']);

const service = z.strictObject({
  plane: text.optional(),
  kind: z.enum(['redis', 'sentinel', 'etcd', 'postgres', 'haproxy', 'nginx', 'files', 'exec']),
  address: text.optional(),
  /** Where the same service would answer without TLS: it must not. */
  plaintext: text.optional(),
  /** `none`: it checks no client certificate, and is meant not to. */
  verifyClient: z.enum(['required', 'none']).optional(),
  dir: text,
  owner: owner.optional(),
  keyMode: z.enum(['0600', '0640', '0400']).optional(),
  reload: z.record(z.string(), z.unknown()).optional(),
});

const names = { dns: z.array(text).optional(), ip: z.array(text).optional() };
const common = { lifetime: duration.optional(), keyType: keyType.optional() };

const node = z.strictObject({
  ...names,
  ...common,
  planes: z.array(text).min(1).optional(),
  profile: z.enum(['peer', 'server', 'client']).optional(),
  ssh: ssh.optional(),
  services: z.array(service).optional(),
});

const client = z.strictObject({
  ...common,
  role: z.enum(['operator', 'auditor']).optional(),
  ssh: ssh.optional(),
  services: z.array(service).optional(),
});

/** The shape of cluster.yaml. Keys that are not here are errors. */
export const inventorySchema = z.strictObject({
  cluster: text,
  defaults: z.strictObject({ ...common, dns: z.array(text).optional() }).optional(),
  nodes: z.record(z.string(), node).optional(),
  clients: z.record(z.string(), client).optional(),
  alerts: alertSinksSchema.optional(),
});

/** The shape of an agent's file: what a node's entry says of its services. Its names are the CA's to give. */
export const agentConfigSchema = z.strictObject({
  planes: z.array(text).min(1).optional(),
  keyType: keyType.optional(),
  services: z.array(service).optional(),
});

export type InventoryDocument = z.infer<typeof inventorySchema>;
export type InventoryNode = z.infer<typeof node>;
export type InventoryClient = z.infer<typeof client>;
