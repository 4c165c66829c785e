import { ClusterCaError, isClusterCaError } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import type { Change, Problem } from '../targets/target.ts';
import { formatTime } from '../values/time.ts';
import { apply } from './apply.ts';
import { differenceOf } from './change.ts';
import { changeToMake, relevant } from './change-to-make.ts';
import { checkKeyAccess } from './key-access.ts';
import { takeDirectory } from './lock.ts';
import type { Material } from './material.ts';
import { checkPeers } from './peers.ts';
import { place } from './placing.ts';
import { checkClockOf, checkCrls, checkMaterial } from './preflight.ts';
import { putBack } from './put-back.ts';
import { confirmed, settled } from './results.ts';
import { type DirectoryState, ServiceDirectory } from './service-directory.ts';
import { ask, type Open, open, type ServiceResult, type Task, type UnitContext } from './task.ts';
import type { Unit } from './unit.ts';

/**
 * Gives one directory its files and its services the news: pre-flight, place, reload, confirm; put back when it is
 * not confirmed. What was begun by a run that was killed is finished: the directory itself is the journal, because the
 * previous generation stays until the new one is confirmed.
 * @param wanted the names that its certificate is to have; undefined where nobody says
 */
export async function deployUnit(
  unit: Unit,
  host: Host,
  wanted: readonly string[] | undefined,
  context: UnitContext,
): Promise<ServiceResult[]> {
  const directory = new ServiceDirectory(host, unit.dir);
  await reached(() => host.look(unit.dir));
  await host.makeDirectory(unit.dir);
  const giveBack = await takeDirectory(host, unit.dir, context.wait);
  const opened = unit.services.map((deployable) => open(deployable, directory, context));
  try {
    const results = await withNewest(unit, context, (material) =>
      run({ unit, directory, material, context, opened }, wanted),
    );
    const { current } = await directory.look();
    if (current !== undefined) context.taken.set(current, unit);
    return results;
  } catch (error) {
    if (isClusterCaError(error)) await seeWhatIsServed(opened, context);
    throw error;
  } finally {
    for (const { session } of opened) await session.close().catch(() => {});
    await giveBack().catch((error: Error) => context.warn(error.message));
  }
}

/**
 * With what is newest now, which may not be what it was when this run began. Another run may issue once more between
 * the look at the log and that for the key, and put its own in the key's place: then it is that one's certificate.
 */
async function withNewest<T>(
  unit: Unit,
  { material }: UnitContext,
  deploy: (newest: Material) => Promise<T>,
): Promise<T> {
  for (;;) {
    const newest = await material(unit);
    try {
      return await deploy(newest);
    } catch (error) {
      if (!isClusterCaError(error, 'ERR_NOT_FOUND') || (await material(unit)).fingerprint === newest.fingerprint)
        throw error;
    }
  }
}

/** A host that cannot be reached is pending, and a directory in which another run is at work; everything else has failed. */
export function stateAfter({ details }: ClusterCaError): 'pending' | 'failed' {
  return details?.unreachable === true || details?.busy === true ? 'pending' : 'failed';
}

async function run(task: Task, wanted: readonly string[] | undefined): Promise<ServiceResult[]> {
  const { unit, directory, material, context, opened } = task;
  context.step(unit, 'looking');
  const state = await directory.look();
  refuseTaken(task, state);
  const difference = relevant(task, await differenceOf(directory, state, unit, material));
  for (const one of opened) one.served = await ask(one.deployable, context.client);
  await sayWhatEnded(task);
  const change = await changeToMake(task, difference, state);
  if (change === undefined) return settled(task, state);
  context.step(unit, 'pre-flight');
  const problems = [
    ...(await checkFiles(task, wanted)),
    ...(difference.certificate ? await checkKeyAccess(task) : []),
    ...(await askTargets(task, change)),
  ];
  if (problems.length > 0) throw refusal(problems);
  context.step(unit, 'placing');
  const placed = await place(task, difference, state);
  const failure = await apply(task, change, placed.fingerprint);
  if (failure === undefined) return confirmed(task, placed, difference);
  throw await putBack(task, failure, change, placed);
}

/** A service that has failed serves something all the same, and that is said with the failure. */
async function seeWhatIsServed(opened: readonly Open[], { client, seen, lost }: UnitContext): Promise<void> {
  for (const { deployable, served } of opened) {
    if (served?.state !== 'serves') continue;
    // What cannot be seen is not said: the failure itself is what counts.
    const now = await ask(deployable, client).catch(() => undefined);
    if (now?.state === 'serves') seen.set(deployable, now.fingerprint);
    if (now?.state !== 'serves' || (served.lets && !now.lets)) lost.add(deployable);
  }
}

/** By a link, or by two names of one host, two units may come to the same directory. @throws ERR_CONFIG */
function refuseTaken({ unit, context }: Task, { current = '' }: DirectoryState): void {
  const other = context.taken.get(current);
  if (other === undefined || other === unit) return;
  throw new ClusterCaError('ERR_CONFIG', `${unit.dir} is the same directory as ${other.dir} of ${other.holder.name}`, {
    hint: 'give each a directory of its own: it holds one certificate',
  });
}

/** A certificate of ours that has ended is no obstacle, but it is said. */
async function sayWhatEnded({ opened, context }: Task): Promise<void> {
  for (const { deployable, served } of opened) {
    if (served?.state !== 'serves') continue;
    const ended = await context.judge.endOfOurs(served.der);
    if (ended !== undefined && ended.getTime() + 1000 <= context.now().getTime())
      context.warn(
        `${deployable.service.label} serves a certificate of this CA that has expired on ${formatTime(ended)}`,
      );
  }
}

async function checkFiles(
  { unit, directory, material, context }: Task,
  wanted: readonly string[] | undefined,
): Promise<Problem[]> {
  const { crls, peers, judge, now } = context;
  if (context.onlyCrl) return checkCrls(unit, crls(), now());
  return [
    ...checkMaterial(unit, material, wanted, crls(), now()),
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
