import * as z from 'zod';
import { FORMS, PHASES } from '../../rollover/phase.ts';
import { deployedSchema } from '../http/schemas.ts';

const time = z.iso.datetime();
const kind = z.enum(['node', 'client']);
const role = z.enum(['accept', 'connect']);
const side = z.enum(['old', 'new']);
const fingerprint = z.string().describe('SHA-256, lower-case hex');

export const phaseSchema = z.enum(PHASES);

const rootSchema = z.object({
  authority: z.string().optional().describe('where its key is, or was, in this keystore'),
  subject: z.string(),
  fingerprint,
  notBefore: time,
  notAfter: time,
});

const standingSchema = z.object({
  kind,
  node: z.string(),
  plane: z.string().optional(),
  service: z.string().optional().describe('absent where the node or client has no service that is known'),
  role,
  trustsOld: z.boolean().optional(),
  trustsNew: z.boolean().optional(),
  serves: side.optional(),
  checksNone: z.boolean().optional().describe('it checks no client certificate: there is no trust to prove'),
  provenBy: z.enum(['handshake', 'agent', 'file', 'declared']).optional(),
  provenAt: time.optional(),
  how: z
    .string()
    .optional()
    .describe('in the role `connect`: by what it was made to connect to us; or, of its file, why it was not'),
  error: z.string().optional(),
});

const blockerSchema = z.object({
  guard: z.string(),
  node: z.string().optional(),
  service: z.string().optional(),
  role: role.optional(),
  reason: z.string(),
  hint: z.string().describe('the command that helps'),
});

const stepSchema = z.object({ phase: phaseSchema, what: z.string() });

const board = {
  schemaVersion: z.literal(1),
  phase: phaseSchema,
  form: z.enum(FORMS).optional(),
  old: rootSchema.optional(),
  new: rootSchema.optional(),
  startedAt: time.optional(),
  since: time.optional().describe('when the phase began'),
  backFrom: phaseSchema.optional().describe('in `rollback`: the phase that the way back began from'),
  emergency: z.object({ deadline: z.int().describe('seconds that a phase may take') }).optional(),
  withdrawn: z.boolean().optional(),
  trust: z.array(side).describe('what is to be trusted'),
  issuer: side.describe('under which root certificates are issued'),
  services: z.array(standingSchema).describe('what was proven last, and when'),
  excluded: z.array(z.object({ kind, node: z.string(), at: time })),
  confirmed: z.array(
    z.object({
      kind,
      node: z.string(),
      bundle: fingerprint.optional(),
      certificate: fingerprint.optional(),
      at: time,
    }),
  ),
  blocking: z.array(z.string()).describe('nodes and clients that keep it from its next step'),
  blockers: z.array(blockerSchema),
  next: z.string().describe('the command that goes on'),
  nextStep: z.string().describe('what would be done next, in words'),
};

/** As `rollover status --json` has it. */
export const rolloverSchema = z.object(board);

/** As `rollover advance --json` has it. */
export const rolloverResultSchema = z.object({
  ...board,
  schemaVersion: z.literal(1).optional(),
  steps: z.array(stepSchema).describe('what was done'),
  deployed: z.array(deployedSchema).describe('what became of services that were given files from here'),
  warnings: z.array(z.string()).optional(),
});

export const moveBodySchema = z.strictObject({
  from: phaseSchema
    .optional()
    .describe('the phase that the caller has seen: where it is another by now, nothing is done (409)'),
});

/** What a 409 has besides the members of every problem. */
export const refusedMoveSchema = z
  .object({
    type: z.string(),
    phase: phaseSchema.optional(),
    blocking: z.array(z.string()).optional(),
    blockers: z.array(blockerSchema).optional(),
    nodes: z.array(z.string()).optional().describe('`needs-inventory`: nodes without an agent'),
    steps: z.array(stepSchema).optional().describe('what was done before'),
  })
  .loose();
