import type { LogState } from '../keystore/log/state.ts';

const DAY = 86_400;
export const DEFAULT_CRON = '0 * * * *';

/** How the daemon rotates by itself: as an operator has set it, else by the policy. */
export interface RotationSettings {
  cronExpression: string;
  enabled: boolean;
  /** Overrides the policy's rotate-before; undefined: the policy's. */
  rotateBeforeDays: number | undefined;
}

export function rotationSettings({ scheduler }: LogState): RotationSettings {
  const { cronExpression = DEFAULT_CRON, enabled = true, rotateBeforeDays } = scheduler ?? {};
  return { cronExpression, enabled, rotateBeforeDays };
}

/** The same as Redis Enterprise's API shows it: whole days, 1 to 90. */
export function shownDays({ policy, scheduler }: LogState): number {
  const days = scheduler?.rotateBeforeDays ?? Math.round(policy.rotateBefore / DAY);
  return Math.min(90, Math.max(1, days));
}
