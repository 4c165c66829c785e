import type { SignedCrl } from '../authority/sign-crl.ts';
import { formatTokenUri } from '../crypto/token/uri.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { type DomainPlan, isAsPlanned, planDomain, wrapDomain } from '../keeping/rewrap.ts';
import { sealedName } from '../keystore/envelope/sealed-key.ts';
import type { Secret } from '../keystore/envelope/slot.ts';
import { doomed } from '../keystore/log/apply-rollover.ts';
import type { Authority, CrlRef, Policy, SealedKeyRef, SlotRef } from '../keystore/log/bodies.ts';
import type { Rewrapped } from '../keystore/log/rollover.ts';
import type { UnlockedDomain } from '../keystore/unlock.ts';
import { removeUnnamed } from '../keystore/unnamed.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { putCrl, signNextCrl } from '../revocation/renew-crls.ts';
import { backupsHolding, type KeptBackup } from './backups.ts';
import { commitStep } from './step.ts';

/** Seconds that a last CRL holds longer than what it is about. */
const LONGER = 3600;

export interface FinishRequest {
  requestId: string;
  /** The root domain, open, and what opens its slots; undefined where the root that goes is not ours, or elsewhere. */
  root: { domain: UnlockedDomain; secrets: Secret[] } | undefined;
  /** Of a root that is elsewhere, its last CRL, signed there; refused when the log has gone on since. */
  lastCrl?: { signed: SignedCrl; check: () => Promise<unknown> } | undefined;
  /** Guard G4, asked again right before the record. */
  confirm?: () => Promise<void>;
}

/** What became of the keys of the root that went. */
export interface Finished {
  /** The CAs whose keys were destroyed. */
  destroyed: string[];
  /** The root domain has a new master key: a copy of its old files opens nothing that is made later. */
  rewrapped: boolean;
  /** Slots of the root domain that a new master key would have lost, since what opens them was not given. */
  slots: string[];
  /** Where keys are in tokens, which are not ours to clear: their URIs (RFC 7512). */
  tokens: string[];
  /** Backups that hold the destroyed keys. */
  backups: KeptBackup[];
}

/**
 * The last step: the last CRLs of the old root and its issuing CAs, which outlive what they issued; one record, which
 * destroys their keys; then their files go. The root domain gets a new master key in the same record, unless a slot of
 * it would be lost by that. The caller holds the turn among the writers.
 * @throws ERR_STATE when the rollover is not in `retire`; what `confirm` throws; ERR_STORAGE
 */
export async function finishRollover(writer: KeystoreWriter, request: FinishRequest): Promise<Finished> {
  const { keystore } = writer;
  const { requestId, root, lastCrl, confirm } = request;
  const destroyed = doomed(keystore.state, 'done');
  const gone = keystore.state.authorities.filter(({ id }) => destroyed.includes(id));
  if (root === undefined && lastCrl === undefined && gone.length > 0)
    throw new Error('the last step of our own root needs the root domain');
  const tokens = await tokensOf(writer, gone, root?.domain);
  let rewrap: RootRewrap | undefined;
  let slots: string[] = [];
  try {
    if (root !== undefined && gone.length > 0) {
      const plan = await planDomain(keystore, root.domain, root.secrets);
      slots = plan.dropped.map(({ name }) => name);
      if (slots.length === 0) rewrap = await rewrapRoot(writer, plan, gone);
    }
    const done = await commitStep(writer, {
      from: 'retire',
      to: 'done',
      requestId,
      ...(confirm === undefined ? {} : { confirm }),
      rest: async () => ({
        ...(gone.length === 0 ? {} : { crls: await lastCrls(writer, gone, request) }),
        ...(rewrap === undefined ? {} : { rewrapped: rewrap.body() }),
      }),
    });
    // Where somebody else has taken the step meanwhile, the master keys are theirs.
    await rewrap?.sweep(done ? 'old' : 'new');
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_OUTCOME_UNKNOWN')) await rewrap?.sweep('new');
    throw error;
  }
  const [first] = gone;
  const backups = first === undefined ? [] : await backupsHolding(keystore, first.generation);
  return { destroyed, rewrapped: rewrap !== undefined, slots, tokens, backups };
}

async function tokensOf(
  writer: KeystoreWriter,
  authorities: readonly Authority[],
  root: UnlockedDomain | undefined,
): Promise<string[]> {
  const uris: string[] = [];
  for (const { sealed } of authorities) {
    const uri = await (sealed.domain === 'root' ? root : writer.daily)?.tokenUri(sealed);
    if (uri !== undefined) uris.push(formatTokenUri(uri));
  }
  return uris;
}

/** A new master key of the root domain, durable, and named by no record yet. */
interface RootRewrap {
  /** @throws ERR_STATE when the slots are others by now */
  body: () => Rewrapped;
  /** Removes the files of before, once the record is durable; or those that were made for it, when it does not come. */
  sweep: (files: 'old' | 'new') => Promise<void>;
}

async function rewrapRoot(writer: KeystoreWriter, plan: DomainPlan, gone: readonly Authority[]): Promise<RootRewrap> {
  const { keystore } = writer;
  const [seals, made] = [new Map<string, SealedKeyRef>(), new Map<string, SlotRef>()];
  const { epoch } = await wrapDomain(
    writer,
    plan,
    seals,
    made,
    gone.map(({ sealed }) => sealedName(sealed)),
  );
  const body = (): Rewrapped => {
    if (!isAsPlanned(keystore, [plan]))
      throw new ClusterCaError('ERR_STATE', 'the slots of the root domain were changed by somebody else', {
        hint: 'run the same command again',
      });
    const { authorities, slots } = keystore.state;
    return {
      authorities: authorities.flatMap(({ id, sealed }) => {
        const seal = seals.get(sealed.keyId);
        return seal === undefined ? [] : [{ id, sealed: seal }];
      }),
      slots: slots.map((slot) => made.get(slot.id) ?? slot),
    };
  };
  const sweep = (files: 'old' | 'new'): Promise<void> =>
    removeUnnamed(keystore, (file) => file.domain === 'root' && (files === 'old') === file.epoch < epoch);
  return { body, sweep };
}

/** The last CRLs of CAs whose keys are about to be destroyed: each holds longer than any certificate of that CA. */
async function lastCrls(
  writer: KeystoreWriter,
  authorities: readonly Authority[],
  { root, lastCrl }: FinishRequest,
): Promise<CrlRef[]> {
  const { keystore } = writer;
  const now = writer.options.now().getTime();
  const ends = await lastEnds(writer);
  const crls: CrlRef[] = [];
  for (const authority of authorities) {
    const own = keystore.authorityCertificate(authority.id).notAfter;
    const end = authority.role === 'root' ? own : (ends.get(authority.id) ?? 0);
    const lifetime = lastCrlLifetime(end, now, keystore.state.policy);
    if (lastCrl?.signed.ref.authority === authority.id) {
      await lastCrl.check();
      await putCrl(writer, lastCrl.signed);
      crls.push(lastCrl.signed.ref);
      continue;
    }
    const domain = authority.sealed.domain === 'root' ? root?.domain : writer.daily;
    if (domain === undefined) throw new Error(`the last CRL of ${authority.id} needs the root domain`);
    crls.push((await signNextCrl(writer, authority, domain, { lifetime })).ref);
  }
  return crls;
}

/** How long a last CRL holds, in seconds: longer than what it is about, which ends then. */
export function lastCrlLifetime(end: number, now: number, { crlLifetime }: Policy): number {
  return Math.max(Math.ceil((end - now) / 1000) + LONGER, crlLifetime);
}

/** When the last certificate of each CA ends, milliseconds since 1970. */
async function lastEnds({ keystore }: KeystoreWriter): Promise<Map<string, number>> {
  return keystore.query(async (index) => {
    const ends = new Map<string, number>();
    for await (const rows of index.all())
      for (const { authority, notAfter } of rows) ends.set(authority, Math.max(notAfter, ends.get(authority) ?? 0));
    return ends;
  });
}
