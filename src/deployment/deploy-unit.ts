import type { ClientCertificate } from '../endpoint/handshake.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import type { Host, NewFile } from '../hosts/host.ts';
import type { IssueItem } from '../issuance/item.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { publicHalf } from '../placement/key-match.ts';
import type { Change, OldConnections, Problem, Session } from '../targets/target.ts';
import { type Difference, differenceOf, wantsCombined } from './change.ts';
import type { Judge } from './judge.ts';
import { takeDirectory } from './lock.ts';
import type { Material } from './material.ts';
import { checkPeers, type Peer } from './peers.ts';
import { checkClockOf, checkCrls, checkMaterial } from './preflight.ts';
import { askServed, confirmServed, type Served } from './served.ts';
import { type DirectoryState, NAMES, type Name, ServiceDirectory } from './service-directory.ts';
import { crlKind, type Deployable, type Unit } from './unit.ts';

export type ServiceState = 'confirmed' | 'placed' | 'unchanged' | 'pending' | 'failed';

/** What became of one service. */
export interface ServiceResult {
  deployable: Deployable;
  state: ServiceState;
  /** SHA-256 of the certificate that it serves, as far as it was seen. */
  served?: string;
  error?: ClusterCaError;
  /** Connections that still rest on an older certificate. */
  old?: OldConnections;
}

/** What a run brings to every unit. */
export interface UnitContext {
  keystore: Keystore;
  client: ClientCertificate;
  judge: Judge;
  peers: readonly Peer[];
  now: () => Date;
  /** Milliseconds to wait for another run in the same directory. */
  wait: number;
  /** Milliseconds that one step, and the confirmation, may take. */
  timeout: number;
  cycle: boolean;
  /** Only the CRL: certificate, key and trust bundle stay what they are. */
  onlyCrl: boolean;
  /** Which node, which step. */
  step: (unit: Unit, what: string) => void;
  warn: (message: string) => void;
}

/** One service of the unit with its session. */
interface Open {
  deployable: Deployable;
  session: Session;
  served: Served | undefined;
}

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
    return await new UnitRun(unit, directory, material, context, opened).run(wanted);
  } finally {
    for (const { session } of opened) await session.close().catch(() => {});
    await giveBack().catch((error: Error) => context.warn(error.message));
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

function open(deployable: Deployable, directory: ServiceDirectory, context: UnitContext): Open {
  const { service, target, options } = deployable;
  const session = target.open({
    service,
    options,
    host: directory.host,
    files: directory.files,
    client: context.client,
    judge: (chain) => context.judge.server(chain),
    timeout: patienceFor(deployable, context),
    warn: context.warn,
  });
  return { deployable, session, served: undefined };
}

/** What the inventory says for the reload holds for its proof too. */
function patienceFor({ service, options }: Deployable, context: UnitContext): number {
  const { timeout } = options as { timeout?: number };
  return service.reload.timeout === undefined ? context.timeout : (timeout ?? context.timeout);
}

class UnitRun {
  readonly #unit: Unit;
  readonly #directory: ServiceDirectory;
  readonly #material: Material;
  readonly #context: UnitContext;
  readonly #opened: readonly Open[];

  constructor(
    unit: Unit,
    directory: ServiceDirectory,
    material: Material,
    context: UnitContext,
    opened: readonly Open[],
  ) {
    this.#unit = unit;
    this.#directory = directory;
    this.#material = material;
    this.#context = context;
    this.#opened = opened;
  }

  async run(wanted: IssueItem | undefined): Promise<ServiceResult[]> {
    const { judge, peers, keystore, now } = this.#context;
    this.#say('looking');
    const state = await this.#directory.look();
    const difference = this.#relevant(await differenceOf(this.#directory, this.#unit, this.#material));
    for (const one of this.#opened) one.served = await this.#ask(one.deployable);
    const change = await this.#changeToMake(difference, state);
    if (change === undefined) return this.#settled(state);
    this.#say('pre-flight');
    const problems = [
      ...(this.#context.onlyCrl
        ? checkCrls(this.#unit, keystore, now())
        : [
            ...checkMaterial(this.#unit, this.#material, wanted, keystore, now()),
            ...checkPeers(this.#material, this.#unit, peers, judge),
            ...(await checkClockOf(this.#directory.host, this.#unit, this.#material, now)),
          ]),
      ...(await this.#askTargets(change)),
    ];
    if (problems.length > 0) throw refusal(problems);
    const { previous, generation, since } = await this.#place(difference, state);
    const failure = await this.#apply(change);
    if (failure === undefined) return this.#confirmed(generation, since, difference);
    throw await this.#putBack(failure, change, previous, generation);
  }

  /** Of what differs, what this run is for. Where nothing was placed yet, there is no CRL to renew. */
  #relevant(difference: Difference): Difference {
    if (!this.#context.onlyCrl) return difference;
    return { ...difference, certificate: false, trust: false, crl: difference.crl && !difference.first };
  }

  /** What is to be made known to the services; undefined when there is nothing. */
  async #changeToMake(difference: Difference, { generations, current }: DirectoryState): Promise<Change | undefined> {
    const { certificate, trust, crl } = difference;
    // An older generation is there for as long as the newer one is not confirmed.
    const unfinished = current !== undefined && generations.some((name) => name !== current);
    if (this.#context.onlyCrl) return crl || unfinished ? { certificate: false, trust: false, crl: true } : undefined;
    if (unfinished) return this.#sinceOlder(difference, { generations, current });
    if (certificate || trust || crl) return { certificate, trust, crl };
    const stale = this.#opened.some(
      ({ served, deployable }) =>
        deployable.service.kind !== 'files' &&
        (served?.state === 'broken' ||
          (served?.state === 'serves' && served.fingerprint !== this.#material.fingerprint)),
    );
    return stale ? { certificate: true, trust: true, crl: true } : undefined;
  }

  /** What an unfinished run may not have made known yet: what differs from the generation before, and from what is wanted. */
  async #sinceOlder(
    difference: Difference,
    { generations, current }: { generations: string[]; current: string | undefined },
  ): Promise<Change> {
    const older = generations.filter((name) => name !== current).at(-1) ?? '';
    const differs = async (...names: Name[]): Promise<boolean> => {
      for (const name of names) {
        const [now, before] = [await this.#directory.read(name), await this.#directory.read(name, older)];
        const same = now === undefined || before === undefined ? now === before : equalBytes(now, before);
        if (name === 'key.pem' || name === 'combined.pem') for (const key of [now, before]) key?.fill(0);
        if (!same) return true;
      }
      return false;
    };
    return {
      certificate: difference.certificate || (await differs('cert.pem', 'key.pem', 'combined.pem')),
      trust: difference.trust || (await differs('ca.pem')),
      crl: difference.crl || (await differs('crl.pem')),
    };
  }

  /** Nothing is to be changed: what is served is what is on disk, or nothing listens. */
  async #settled({ current }: DirectoryState): Promise<ServiceResult[]> {
    const since = current === undefined ? undefined : timeOf(current);
    const results: ServiceResult[] = [];
    for (const one of this.#opened) {
      const { served, deployable } = one;
      if (served?.state === 'serves') {
        const old = since === undefined ? {} : await this.#connections(one, since);
        results.push({ deployable, state: 'unchanged', served: served.fingerprint, ...old });
        continue;
      }
      if (served !== undefined)
        this.#context.warn(`${this.#unit.holder.name}: ${served.why}; its files are up to date`);
      results.push({ deployable, state: 'unchanged' });
    }
    return results;
  }

  async #askTargets(change: Change): Promise<Problem[]> {
    const problems: Problem[] = [];
    // What is down cannot be asked; it takes the files when it starts.
    for (const { session, served } of this.#opened)
      if (served?.state !== 'down') problems.push(...(await session.preflight(change)));
    return problems;
  }

  async #place(difference: Difference, state: DirectoryState) {
    this.#say('placing');
    const isWhole = !difference.certificate && !difference.trust && !difference.crl;
    const since = new Date();
    if (isWhole && state.current !== undefined) {
      const older = state.generations.filter((name) => name !== state.current).at(-1);
      return { previous: older, generation: state.current, since: timeOf(state.current) ?? since };
    }
    if (this.#context.onlyCrl) {
      const files = await this.#sameFiles(state);
      const owner = await this.#directory.ownerOf(state);
      const previous = await this.#directory.adopt(state);
      const generation = await this.#directory.place(files, owner, await this.#directory.look());
      return { previous, generation, since };
    }
    const key = await this.#key();
    try {
      const owner = this.#unit.services[0]?.service.owner ?? (await this.#directory.ownerOf(state));
      const files = await this.#newFiles(key, state);
      const previous = await this.#directory.adopt(state);
      const generation = await this.#directory.place(files, owner, await this.#directory.look());
      return { previous, generation, since };
    } finally {
      key.fill(0);
    }
  }

  /** @throws ERR_NOT_FOUND when the key is neither where the operator keeps it nor in the directory */
  async #key(): Promise<Uint8Array> {
    const key = this.#material.key();
    if (key !== undefined) return key;
    const there = await this.#directory.read('key.pem');
    if (there !== undefined && publicHalf(there) === this.#material.publicKey) return there;
    there?.fill(0);
    const { name } = this.#unit.holder;
    throw new ClusterCaError(
      'ERR_NOT_FOUND',
      `the private key of ${name}${this.#unit.plane === '' ? '' : `/${this.#unit.plane}`} is neither in --from nor in ${this.#unit.dir}`,
      { hint: `say where --out was: --from DIR; if the key is lost: cluster-ca rotate ${name} --deploy` },
    );
  }

  /** The files that are there, with the new CRL. */
  async #sameFiles(state: DirectoryState): Promise<NewFile[]> {
    const kind = crlKind(this.#unit);
    const mode = (await this.#directory.keyMode(state)) ?? 0o600;
    const files: NewFile[] = [];
    for (const name of NAMES) {
      const content = name === 'crl.pem' ? undefined : await this.#directory.read(name);
      if (content === undefined) continue;
      files.push({ name, content, mode: name === 'key.pem' || name === 'combined.pem' ? mode : 0o644 });
    }
    if (kind !== 'none')
      files.push({ name: 'crl.pem', content: new TextEncoder().encode(this.#material.crls[kind]), mode: 0o644 });
    return files;
  }

  async #newFiles(key: Uint8Array, state: DirectoryState): Promise<NewFile[]> {
    const { chain, trustBundle, crls } = this.#material;
    const text = (pem: string): Uint8Array => new TextEncoder().encode(pem);
    const asked = this.#unit.services[0]?.service.keyMode;
    const mode = asked === undefined ? ((await this.#directory.keyMode(state)) ?? 0o600) : Number.parseInt(asked, 8);
    const kind = crlKind(this.#unit);
    return [
      { name: 'cert.pem', content: text(chain), mode: 0o644 },
      { name: 'key.pem', content: key, mode },
      { name: 'ca.pem', content: text(trustBundle), mode: 0o644 },
      ...(kind === 'none' ? [] : [{ name: 'crl.pem', content: text(crls[kind]), mode: 0o644 }]),
      ...(wantsCombined(this.#unit)
        ? [{ name: 'combined.pem', content: Buffer.concat([text(chain), key]), mode }]
        : []),
    ];
  }

  /** Reloads and confirms each service. @returns what failed; undefined when all is as it should be */
  async #apply(change: Change): Promise<{ open: Open; error: ClusterCaError } | undefined> {
    for (const one of this.#opened) {
      if (one.served?.state === 'down') continue;
      try {
        await this.#take(one, change, this.#expected(one));
      } catch (error) {
        if (!isClusterCaError(error)) throw error;
        return { open: one, error };
      }
    }
    return undefined;
  }

  /** The certificate that is to be served: the new one; when only the CRL is pushed, the one that is. */
  #expected({ served }: Open): string {
    return this.#context.onlyCrl && served?.state === 'serves' ? served.fingerprint : this.#material.fingerprint;
  }

  async #take({ deployable, session }: Open, change: Change, fingerprint: string): Promise<void> {
    const { service } = deployable;
    this.#say(`reloading ${service.label}`);
    await session.reload(change);
    this.#say(`confirming ${service.label}`);
    const { address } = service;
    const wrong =
      address === undefined || service.kind === 'files'
        ? undefined
        : await confirmServed(
            { ...service, address },
            this.#context.client,
            fingerprint,
            patienceFor(deployable, this.#context),
          );
    if (wrong !== undefined) throw remote(wrong);
    const disproved = await session.proof?.(change);
    if (disproved !== undefined) throw remote(disproved);
  }

  async #confirmed(generation: string, since: Date, { first }: Difference): Promise<ServiceResult[]> {
    const results: ServiceResult[] = [];
    let everyOne = true;
    for (const one of this.#opened) {
      const { deployable, served } = one;
      const { address, kind } = deployable.service;
      if (served?.state === 'down') {
        everyOne = everyOne && first;
        results.push(
          first ? { deployable, state: 'placed' } : { deployable, state: 'pending', error: remote(served.why) },
        );
      } else if (address === undefined || kind === 'files') results.push({ deployable, state: 'placed' });
      else
        results.push({
          deployable,
          state: 'confirmed',
          served: this.#expected(one),
          ...(await this.#connections(one, since)),
        });
    }
    if (everyOne) await this.#directory.prune(generation);
    return results;
  }

  /** Counts the connections of before; renews them where that was asked for. What fails here has failed nothing. */
  async #connections({ deployable, session }: Open, since: Date): Promise<{ old?: OldConnections }> {
    if (session.connections === undefined) return {};
    try {
      if (this.#context.cycle && session.cycle !== undefined) {
        this.#say(`renewing connections of ${deployable.service.label}`);
        await session.cycle(since);
      }
      const old = await session.connections(since);
      return old.count === 0 ? {} : { old };
    } catch (error) {
      if (!isClusterCaError(error)) throw error;
      this.#context.warn(`${deployable.service.label}: its connections are not known: ${error.message}`);
      return {};
    }
  }

  /** The files of before, made known again and seen to be served. @returns the failure, and what it came to */
  async #putBack(
    failed: { open: Open; error: ClusterCaError },
    change: Change,
    previous: string | undefined,
    generation: string,
  ): Promise<ClusterCaError> {
    const { error } = failed;
    const details = { ...error.details, cause: error.code };
    if (previous === undefined || previous === generation)
      return new ClusterCaError('ERR_REMOTE', `${error.message}; there were no files before that could be put back`, {
        hint: error.hint,
        details,
      });
    this.#say('putting back');
    await this.#directory.putBack(previous);
    const outcomes: string[] = [];
    for (const one of this.#opened.slice(0, this.#opened.indexOf(failed.open) + 1)) {
      if (one.served?.state !== 'serves') continue;
      try {
        await this.#take(one, change, one.served.fingerprint);
      } catch (again) {
        if (!isClusterCaError(again)) throw again;
        outcomes.push(`${one.deployable.service.label} did not take them: ${again.message}`);
      }
    }
    if (outcomes.length === 0) await this.#directory.prune(previous);
    return new ClusterCaError(
      'ERR_REMOTE',
      `${error.message}; the previous files were put back${outcomes.length === 0 ? ' and are in use' : `, but ${outcomes.join('; ')}`}`,
      { hint: error.hint ?? 'see the log of the service', details },
    );
  }

  async #ask({ service }: Deployable): Promise<Served | undefined> {
    const { address } = service;
    return address === undefined ? undefined : askServed({ ...service, address }, this.#context.client);
  }

  #say(what: string): void {
    this.#context.step(this.#unit, what);
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

function remote(message: string): ClusterCaError {
  return new ClusterCaError('ERR_REMOTE', message, { hint: 'see the log of the service' });
}

/** When a generation was made: its name says so. */
function timeOf(generation: string): Date | undefined {
  const match = /(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z/.exec(generation);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, millisecond] = match;
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}.${millisecond}Z`);
}
