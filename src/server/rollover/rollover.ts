import { verdictOf } from '../../deployment/verdict.ts';
import { phaseOf } from '../../keystore/hierarchy.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { decodeRecord } from '../../keystore/log/record.ts';
import { fromBase64 } from '../../pki/encoding.ts';
import { servicesOf } from '../../rollover/evidence/by-log.ts';
import type { Phase } from '../../rollover/phase.ts';
import type { Direction } from '../../rollover/planning/planner.ts';
import { requireRollover } from '../../rollover/require-rollover.ts';
import { blockedError } from '../../rollover/running/blocked.ts';
import { boardByLog, boardOf, withHosts } from '../../rollover/running/board.ts';
import type { Ran } from '../../rollover/running/request.ts';
import { runRollover } from '../../rollover/running/run.ts';
import { ServedAgents } from '../agents/proofs.ts';
import { Problem } from '../http/problem.ts';
import { deployableUnits } from '../rotation/rotation.ts';
import type { Service } from '../service.ts';
import type { RolloverOutcome } from './outcome.ts';
import { requireInventory } from './require-inventory.ts';

export interface RolloverMove {
  direction: Direction;
  /** Where the caller believes the rollover to be: elsewhere, nothing is done. */
  from: Phase | undefined;
  requestId: string;
}

/**
 * One phase on, or back to where only the root domain's key is left to destroy: as `rollover advance` and `rollover
 * rollback` do it, but for the steps that need the root domain, which the daemon never opens.
 * @throws Problem 409: blocked, with who blocks; a step of the command line's; another phase; no inventory. ERR_STATE without a rollover
 */
export async function moveRollover(service: Service, move: RolloverMove): Promise<RolloverOutcome> {
  const { ctx, writer, inventory } = service;
  const { keystore } = writer;
  await keystore.refresh();
  checkMove(keystore, move);
  await requireInventory(keystore, inventory, service.now());
  const read = inventory.get();
  const warnings: string[] = [];
  const warn = (message: string): void => {
    warnings.push(message);
  };
  const { direction, requestId } = move;
  const ran = await withHosts(async (hosts) =>
    runRollover(ctx, writer, hosts, {
      direction,
      until: direction === 'forward' ? 'step' : 'end',
      requestId,
      inventory: read,
      units: await deployableUnits(service),
      services: servicesOf(keystore, read) ?? [],
      atOnce: 1,
      cycle: false,
      warn,
      agents: new ServedAgents(service),
      root: undefined,
    }),
  );
  if (ran.blocked !== undefined) throw blocked(phaseOf(keystore.state), ran);
  if (ran.left !== undefined && ran.steps.length === 0) throw ofTheCommandLine(direction, ran.left);
  const document = {
    ...boardOf(keystore, ran.situation, direction, ran.deployed),
    steps: ran.steps,
    deployed: ran.deployed,
    ...(warnings.length === 0 ? {} : { warnings }),
  };
  return { document, verdict: verdictOf({ services: ran.deployed }) };
}

/** @throws Problem 409, ERR_STATE */
export function checkMove({ state }: Keystore, { direction, from }: Pick<RolloverMove, 'direction' | 'from'>): void {
  requireRollover(state);
  const phase = phaseOf(state);
  if (from !== undefined && from !== phase)
    throw new Problem(409, 'rollover-elsewhere', `the rollover is in the phase ${phase}, not in ${from}`, {
      hint: 'GET /v1/rollover tells where it is; nothing was done',
      code: 'ERR_STATE',
      members: { phase },
    });
  if (phase === 'prepared' && direction === 'back') throw ofTheCommandLine('back', { from: phase, to: 'stable' });
}

/** The board after a request that was made before, and is done. */
export async function outcomeByLog(service: Service): Promise<RolloverOutcome> {
  const document = await boardByLog(service.writer.keystore, service.inventory.get(), service.now(), { steps: [] });
  return { document: { ...document, deployed: [] } };
}

/** Whether a request has taken its step: after a restart only the log knows. @param since the number of the record that bound it */
export async function hasMoved({ writer }: Service, requestId: string, since: number): Promise<boolean> {
  const { state, store, identity } = writer.keystore;
  const auditKey = fromBase64(identity.auditKey);
  for (let seq = since + 1; seq <= state.seq; seq++) {
    const bytes = await store.readRecord(seq);
    if (bytes === undefined) continue;
    const record = decodeRecord(identity.id, seq, bytes, auditKey);
    if (record.op === 'rollover' && record.requestId === requestId) return true;
  }
  return false;
}

function blocked(phase: Phase, { blocked: blockers = [], steps }: Ran): Problem {
  const { code, message, hint, details } = blockedError(phase, blockers);
  return new Problem(409, 'rollover-blocked', message, { code, hint, members: { ...details, steps } });
}

const COMMAND: Record<Direction, string> = {
  forward: 'cluster-ca rollover advance --inventory cluster.yaml',
  back: 'cluster-ca rollover rollback --inventory cluster.yaml',
};

function ofTheCommandLine(direction: Direction, { from, to }: { from: Phase; to: Phase }): Problem {
  const side = to === 'done' ? 'old' : 'new';
  return new Problem(
    409,
    'needs-root-domain',
    `the step from ${from} to ${to} destroys the key of the ${side} root: it needs the root domain, which the daemon does not open`,
    { code: 'ERR_STATE', hint: `at the command line: ${COMMAND[direction]}`, members: { phase: from, to } },
  );
}
