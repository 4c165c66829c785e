import { CronExpressionParser } from 'cron-parser';
import * as z from 'zod';
import type { LogState } from '../../keystore/log/state.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import { type Route, route } from '../http/route.ts';
import type { Service } from '../service.ts';
import { rotationSettings, shownDays } from '../settings.ts';

const cron = z
  .string()
  .max(100)
  .regex(/^\S+( \S+){4}$/, 'five fields: minute, hour, day of month, month, day of week')
  .refine(isCron, 'not a cron expression')
  .describe('when due certificates are looked for besides the time at which the next is due; UTC');
const days = z.int().min(1).max(90).describe('how many days before their end node certificates are rotated');

const documentSchema = z.object({
  schemaVersion: z.literal(1),
  cert_rotation_job_settings: z.object({
    cron_expression: cron,
    enabled: z.boolean(),
    expiry_days_before_rotation: days,
  }),
});

const bodySchema = z.strictObject({
  cert_rotation_job_settings: z
    .strictObject({
      cron_expression: cron.optional(),
      enabled: z.boolean().optional().describe('whether the daemon rotates by itself'),
      expiry_days_before_rotation: days.optional(),
    })
    .describe('what is left out stays as it is'),
});

/** `GET|PUT /v1/job_scheduler`, as Redis Enterprise has it. */
export function schedulerRoutes({ keystore, writer, ctx, journal }: Service): Route[] {
  const path = '/v1/job_scheduler';
  return [
    route({
      id: 'getScheduler',
      method: 'GET',
      path,
      summary: 'how certificates are rotated by themselves',
      access: { to: 'roles', roles: ['operator', 'auditor'] },
      answers: { 200: { description: 'the settings', schema: documentSchema } },
      handle: async () => ({ body: documentOf((await keystore.current()).state) }),
    }),
    route({
      id: 'putScheduler',
      method: 'PUT',
      path,
      summary: 'change it; kept in the log',
      description:
        'Without `expiry_days_before_rotation` ever set, the policy of `init` decides, in proportion to each lifetime; set, it counts for all, and nothing is due before a tenth of its life is over.',
      access: { to: 'roles', roles: ['operator'] },
      body: bodySchema,
      answers: { 200: { description: 'the settings now', schema: documentSchema } },
      handle: async ({ body: { cert_rotation_job_settings: asked }, caller }) => {
        await writer.inTurn(ctx.globals.wait, () =>
          writer.commit('scheduler', newRequestId(), async () => {
            const now = rotationSettings(writer.keystore.state);
            const rotateBeforeDays = asked.expiry_days_before_rotation ?? now.rotateBeforeDays;
            return {
              cronExpression: asked.cron_expression ?? now.cronExpression,
              enabled: asked.enabled ?? now.enabled,
              ...(rotateBeforeDays === undefined ? {} : { rotateBeforeDays }),
            };
          }),
        );
        journal.say('scheduler', { by: caller?.name, ...rotationSettings(writer.keystore.state) });
        return { body: documentOf(writer.keystore.state) };
      },
    }),
  ];
}

function documentOf(state: LogState) {
  const { cronExpression, enabled } = rotationSettings(state);
  return {
    schemaVersion: 1,
    cert_rotation_job_settings: {
      cron_expression: cronExpression,
      enabled,
      expiry_days_before_rotation: shownDays(state),
    },
  };
}

function isCron(text: string): boolean {
  try {
    CronExpressionParser.parse(text, { tz: 'UTC' });
    return true;
  } catch {
    return false;
  }
}
