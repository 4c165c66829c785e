import type { StepObject } from '../document.ts';

/** Adds what was done. What is tried again and again, while somebody is waited for, is told once. */
export function addStep(steps: StepObject[], step: StepObject): void {
  const last = steps.at(-1);
  if (last?.phase !== step.phase || last.what !== step.what) steps.push(step);
}
