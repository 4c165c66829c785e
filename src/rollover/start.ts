import { hasRoot } from '../backup/content.ts';
import { placeBackup } from '../backup/place.ts';
import { rehearseBackup } from '../backup/rehearse.ts';
import { randomBytes } from '../crypto/hash.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import type { Secret } from '../keystore/envelope/slot.ts';
import { hasExternalRoot, inProgress, phaseOf } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Bodies } from '../keystore/log/bodies.ts';
import type { UnlockedDomain } from '../keystore/unlock.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { toBase64, toHex } from '../pki/encoding.ts';
import type { ResultFile } from '../placement/result-file.ts';
import { formatTime } from '../values/time.ts';
import { type MadeHierarchy, makeHierarchy, rootInForce } from './make-hierarchy.ts';
import type { Form } from './phase.ts';
import { forgetNotes, Staged, sweepSealed } from './staged.ts';
import { requireNoAgents } from './takeover.ts';

export interface StartRequest {
  requestId: string;
  /** The root domain, open: of our own root alone, where it is at hand. */
  root: UnlockedDomain | undefined;
  /** The new hierarchy, where its root was made elsewhere. */
  hierarchy?: ((staged: Staged) => Promise<MadeHierarchy>) | undefined;
  /** A root whose key is not ours, which goes: then ours comes, as it is. DER, its CRLs too. */
  foreign?: { certificate: Uint8Array; crls: Uint8Array[] } | undefined;
  /** Seconds that a step may take. */
  emergency?: { deadline: number } | undefined;
  /** Where the backup is kept, and what opens it. */
  keep?: { path: string; secret: Secret } | undefined;
  onProgress: (text: string) => void;
}

/**
 * Whether a rollover may start: none is in progress, the root that goes has not ended, and is what the cluster rests on.
 * @throws ERR_STATE
 */
export function checkStart(keystore: Keystore, now: Date, form: Form = 'root'): void {
  const { state } = keystore;
  if (inProgress(state))
    throw new ClusterCaError('ERR_STATE', `a rollover is in progress: it is in the phase ${phaseOf(state)}`, {
      hint: 'cluster-ca rollover status shows it; cluster-ca rollover advance goes on, cluster-ca rollover rollback takes it back',
    });
  if (form === 'root' && state.rollover?.phase === 'stable')
    throw new ClusterCaError('ERR_STATE', 'the cluster rests on another CA, since its takeover was taken back', {
      hint: 'cluster-ca rollover start --from-anchor FILE takes it over',
    });
  const { id } = rootInForce(keystore);
  const { notAfter } = keystore.authorityCertificate(id);
  if (notAfter + 1000 <= now.getTime())
    throw new ClusterCaError('ERR_STATE', `${id} has ended on ${formatTime(notAfter)}: nothing validates under it`, {
      hint: 'make a new keystore with cluster-ca init, and issue to every node from it',
    });
}

/**
 * Refuses what needs a root of our own: one that is another PKI's is not replaced here.
 * @throws ERR_STATE
 */
export function requireOwnRoot(keystore: Keystore): void {
  if (!hasExternalRoot(keystore.state)) return;
  const { id } = rootInForce(keystore);
  throw new ClusterCaError('ERR_STATE', `${id} is the root of another PKI: no root of our own follows it here`, {
    hint: 'a new issuing CA under it: cluster-ca rollover start --issuing; to leave that PKI: cluster-ca init in another place, and there cluster-ca rollover start --from-anchor ROOT.pem',
  });
}

/**
 * Starts a rollover: makes the new hierarchy, has it verified by other code than made it, makes a backup that holds it
 * and restores that once (G1), and commits `prepared`, in one record. Killed anywhere before that record, nothing has
 * happened: the same command does it all again. The caller holds the turn among the writers.
 * @throws ERR_STATE; ERR_LINT, ERR_KEYSTORE_TAMPERED of a hierarchy or backup that is not good; ERR_STORAGE
 */
export async function startRollover(writer: KeystoreWriter, request: StartRequest): Promise<void> {
  const { keystore } = writer;
  const form = request.foreign === undefined ? 'root' : 'foreign';
  checkStart(keystore, writer.options.now(), form);
  if (form === 'foreign') await requireNoAgents(keystore, writer.options.now());
  const staged = new Staged(writer);
  let kept: ResultFile | undefined;
  try {
    const body = await bodyOf(writer, request, staged);
    const { start } = body as { start: NonNullable<Bodies['rollover']['start']> };
    const id = toHex(randomBytes(16));
    if (request.keep !== undefined) start.backup = { id, root: hasRoot(keystore) };
    const { from } = body;
    await writer.commit(
      'rollover',
      request.requestId,
      async () => {
        checkStart(keystore, writer.options.now(), form);
        if (form === 'foreign') await requireNoAgents(keystore, writer.options.now());
        const generations = keystore.state.authorities.map(({ generation }) => generation);
        if (phaseOf(keystore.state) !== from || generations.includes(start.authorities[0]?.generation ?? 0))
          throw new ClusterCaError('ERR_STATE', 'another rollover was started and ended meanwhile', {
            hint: 'run the same command again',
          });
        return body;
      },
      async (record) => {
        await kept?.abandon();
        const { state } = keystore;
        kept = await rehearseBackup(writer, {
          id,
          record,
          keep: request.keep,
          named: {
            ...state,
            authorities: [...state.authorities, ...start.authorities],
            crls: [...state.crls, ...(body.crls ?? [])],
          },
          domains: [writer.daily, ...(request.root === undefined ? [] : [request.root])],
          now: writer.options.now(),
          onProgress: request.onProgress,
        });
      },
    );
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_OUTCOME_UNKNOWN')) await kept?.abandon();
    await staged.undo(error);
    throw error;
  }
  await forgetNotes(writer, keystore.state.authorities.slice(-2));
  if (kept !== undefined) await placeBackup(kept);
  if (request.foreign === undefined) await sweepSealed(writer);
}

async function bodyOf(
  writer: KeystoreWriter,
  { root, hierarchy, foreign, emergency }: StartRequest,
  staged: Staged,
): Promise<Bodies['rollover']> {
  const from = phaseOf(writer.keystore.state);
  const urgent = emergency === undefined ? {} : { emergency };
  if (foreign !== undefined) {
    const crls = foreign.crls.length === 0 ? {} : { crls: foreign.crls.map((crl) => toBase64(crl)) };
    const old = { certificate: toBase64(foreign.certificate), ...crls };
    return { from, to: 'prepared', start: { form: 'foreign', authorities: [], foreign: old, ...urgent } };
  }
  if (root === undefined && hierarchy === undefined)
    throw new Error('a rollover of our own root needs the root domain, or what was made of it');
  const made = root === undefined ? hierarchy?.(staged) : makeHierarchy(writer, root, staged);
  const { start, crls } = (await made) as MadeHierarchy;
  return { from, to: 'prepared', start: { ...start, ...urgent }, crls: crls.map(({ ref }) => ref) };
}
