import { resolve } from 'node:path';
import { checkBackupPlace } from '../../backup/place.ts';
import type { CeremonyOptions } from '../../ceremony/options.ts';
import type { Context } from '../../context.ts';
import type { Secret } from '../../keystore/envelope/slot.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import type { StepObject } from '../../rollover/document.ts';
import type { StartRequest } from '../../rollover/start.ts';
import type { OpenedDomain } from '../../unlocking.ts';
import { formatDuration } from '../../values/duration.ts';

export interface RolloverStartOptions extends CeremonyOptions {
  root?: boolean;
  issuing?: boolean;
  issuingCert?: string;
  fromAnchor?: string;
  domain?: string[];
  permitIp?: string[];
  emergency?: boolean;
  deadline?: number;
  backup?: string;
  inventory?: string;
}

/** Seconds that a step of an emergency may take where nothing else is said. */
const DEADLINE = 300;

/** What an emergency gives each step. */
export function emergencyOf({
  emergency,
  deadline = DEADLINE,
}: RolloverStartOptions): { deadline: number } | undefined {
  return emergency ? { deadline } : undefined;
}

/** Where the backup of a start is kept, what opens it, and how far it is. */
export function keepIn(
  ctx: Context,
  keystore: Keystore,
  { domain, secrets }: OpenedDomain,
  { backup, rootKeystore }: Pick<RolloverStartOptions, 'backup' | 'rootKeystore'>,
): Pick<StartRequest, 'keep' | 'onProgress'> {
  const onProgress = (text: string): void => ctx.ui.progress(text);
  if (backup === undefined) return { onProgress };
  const path = resolve(ctx.cwd, backup);
  checkBackupPlace(path, keystore.store.location, rootKeystore && resolve(ctx.cwd, rootKeystore));
  const secret = secrets.find((one) => one.kind === domain.slot.kind) as Secret;
  return { keep: { path, secret }, onProgress };
}

/** What a start does, or would do, in words. */
export function plannedSteps(
  { state }: Keystore,
  foreign: boolean,
  backup: string | undefined,
  emergency: { deadline: number } | undefined,
  dry: boolean,
): StepObject[] {
  const generation = 1 + Math.max(...state.authorities.map((one) => one.generation));
  const step = (would: string, done: string): StepObject => ({ phase: 'prepared', what: dry ? would : done });
  const hierarchy = `root-g${generation} and issuing-g${generation}.1, their CRLs, and a certificate of the new root by the old`;
  const keep = backup === undefined ? '' : `, and keep it in ${backup}`;
  const deadline = emergency && `a deadline of ${formatDuration(emergency.deadline)} for each step`;
  return [
    ...(foreign
      ? []
      : [
          step(`make ${hierarchy}`, `made ${hierarchy}`),
          step('have them verified by other code than made them', 'they were verified by other code than made them'),
        ]),
    step(
      `make a backup and restore it once${keep}`,
      `made a backup and restored it once${keep.replace('keep', 'kept')}`,
    ),
    ...(deadline === undefined ? [] : [step(`record ${deadline}`, `recorded ${deadline}`)]),
  ];
}
