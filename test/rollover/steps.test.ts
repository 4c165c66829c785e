import { expect, test } from '@jest/globals';
import type { StepObject } from '../../src/rollover/document.ts';
import { addStep } from '../../src/rollover/running/steps.ts';

test('what is tried again while somebody is waited for is told once', () => {
  const steps: StepObject[] = [];
  const deploy = { phase: 'distribute' as const, what: 'deploy the trust bundle to n3' };
  const on = { phase: 'issue-new' as const, what: 'go to issue-new' };
  for (const step of [deploy, { ...deploy }, { ...deploy }, on, deploy]) addStep(steps, step);
  expect(steps).toEqual([deploy, on, deploy]);
});
