import { ClusterCaError, isClusterCaError } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import type { IssueItem } from '../issuance/item.ts';
import type { Change, Problem } from '../targets/target.ts';
import { apply, putBack } from './apply.ts';
import { type Difference, differenceOf } from './change.ts';
import { changeToMake, relevant } from './change-to-make.ts';
import { takeDirectory } from './lock.ts';
import type { Material } from './material.ts';
import { findKey, newFiles, sameFiles } from './new-files.ts';
import { checkPeers } from './peers.ts';
import { checkClockOf, checkCrls, checkMaterial } from './preflight.ts';
import { confirmed, settled } from './results.ts';
import { type DirectoryState, ServiceDirectory, timeOf } from './service-directory.ts';
import { ask, open, type ServiceResult, type Task, type UnitContext } from './task.ts';
import type { Unit } from './unit.ts';

/**
 * Gives one directory its files and its services the news: pre-flight, place, reload, confirm; put back when it is
 * not confirmed. What was begun by a run that was killed is finished: the directory itself is the journal, because the
 * previous generation stays until the new one is confirmed.
 */
export async function deployUnit(
  unit: Unit,
  host: Host,
  material: Material,
  wanted: IssueItem | undefined,
  context: UnitContext,
): Promise<ServiceResult[]> {
  const directory = new ServiceDirectory(host, unit.dir);
  await reached(() => host.look(unit.dir));
  await host.makeDirectory(unit.dir);
  const giveBack = await takeDirectory(host, unit.dir, context.wait);
  const opened = unit.services.map((deployable) => open(deployable, directory, context));
  try {
    return await run({ unit, directory, material, context, opened }, wanted);
  } finally {
    for (const { session } of opened) await session.close().catch(() => {});
    await giveBack().catch((error: Error) => context.warn(error.message));
  }
}

async function run(task: Task, wanted: IssueItem | undefined): Promise<ServiceResult[]> {
  const { unit, directory, material, context, opened } = task;
  context.step(unit, 'looking');
  const state = await directory.look();
  const difference = relevant(task, await differenceOf(directory, unit, material));
  for (const one of opened) one.served = await ask(one.deployable, context.client);
  const change = await changeToMake(task, difference, state);
  if (change === undefined) return settled(task, state);
  context.step(unit, 'pre-flight');
  const problems = [...(await checkFiles(task, wanted)), ...(await askTargets(task, change))];
  if (problems.length > 0) throw refusal(problems);
  context.step(unit, 'placing');
  const { previous, generation, since } = await place(task, difference, state);
  const failure = await apply(task, change);
  if (failure === undefined) return confirmed(task, generation, since, difference);
  throw await putBack(task, failure, change, previous, generation);
}

async function checkFiles(
  { unit, directory, material, context }: Task,
  wanted: IssueItem | undefined,
): Promise<Problem[]> {
  const { keystore, peers, judge, now } = context;
  if (context.onlyCrl) return checkCrls(unit, keystore, now());
  return [
    ...checkMaterial(unit, material, wanted, keystore, now()),
    ...checkPeers(material, unit, peers, judge),
    ...(await checkClockOf(directory.host, unit, material, now)),
  ];
}

async function askTargets({ opened }: Task, change: Change): Promise<Problem[]> {
  const problems: Problem[] = [];
  // What is down cannot be asked; it takes the files when it starts.
  for (const { session, served } of opened)
    if (served?.state !== 'down') problems.push(...(await session.preflight(change)));
  return problems;
}

/** @returns the generation that is current now, the one before, and when the new one came */
async function place(task: Task, difference: Difference, state: DirectoryState) {
  const { unit, directory, context } = task;
  const since = new Date();
  const isWhole = !difference.certificate && !difference.trust && !difference.crl;
  if (isWhole && state.current !== undefined) {
    const previous = state.generations.filter((name) => name !== state.current).at(-1);
    return { previous, generation: state.current, since: timeOf(state.current) ?? since };
  }
  const key = context.onlyCrl ? undefined : await findKey(task);
  try {
    const files = key === undefined ? await sameFiles(task, state) : await newFiles(task, key, state);
    const asked = context.onlyCrl ? undefined : unit.services[0]?.service.owner;
    const owner = asked ?? (await directory.ownerOf(state));
    const previous = await directory.adopt(state);
    const generation = await directory.place(files, owner, await directory.look());
    return { previous, generation, since };
  } finally {
    key?.fill(0);
  }
}

/** The first thing that is asked of a host: what fails here has not failed, it is down. */
async function reached(ask: () => Promise<unknown>): Promise<void> {
  try {
    await ask();
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_REMOTE', 'ERR_TIMEOUT')) throw error;
    const { code, message, hint, details } = error;
    throw new ClusterCaError(code, message, { hint, details: { ...details, unreachable: true }, cause: error });
  }
}

function refusal(problems: readonly Problem[]): ClusterCaError {
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return new ClusterCaError('ERR_STATE', `${first?.message}${more}; nothing was placed`, {
    hint: first?.hint,
    details: { problems },
  });
}
