import { resolve } from 'node:path';
import { prepareNextCrl } from '../authority/sign-crl.ts';
import type { Context } from '../context.ts';
import { ClusterCaError } from '../errors.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Authority } from '../keystore/log/bodies.ts';
import { encodeSignedLine } from '../keystore/log/record.ts';
import { tokenOf } from '../keystore/unlock.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { toBase64 } from '../pki/encoding.ts';
import { writeResultFile } from '../placement/result-file.ts';
import { nextCrl, requireKey } from '../revocation/renew-crls.ts';
import { requireOwnRoot } from '../rollover/start.ts';
import { safeText } from '../ui/text/safe.ts';
import type { Style } from '../ui/text/style.ts';
import { CEREMONY, type CeremonyRequest } from './documents.ts';
import { type Transcript, transcriptLines, transcriptOf } from './transcript.ts';

/** What a request says besides whose it is and when it was made. */
export type Asked = Pick<CeremonyRequest, 'type' | 'authority' | 'tbs' | 'ca' | 'destroyed'>;

/** Where a request goes, what signs it there (`cluster-ca crl`), and when it is made, where it depends on that. */
export interface RequestPlace {
  file: string;
  command: string;
  at?: Date;
}

/** Writes a request and prints its transcript. Nothing is recorded by it. */
export async function writeRequest(
  ctx: Context,
  writer: KeystoreWriter,
  place: RequestPlace,
  asked: Asked,
): Promise<void> {
  const { path, transcript } = await makeRequest(ctx, writer, place, asked);
  ctx.ui.result({ files: [path], ...transcript }, (style) =>
    [...requestLines({ path, transcript }, style), nextOf(place, style)].join('\n'),
  );
}

/** What was written, for people. */
export function requestLines({ path, transcript }: MadeRequest, style: Style): string[] {
  return [`wrote ${safeText(path, style)}`, ...transcriptLines(transcript, style)];
}

/** Where the file goes next. */
export function nextOf({ file, command }: RequestPlace, style: Style): string {
  return `next: where the root is, ${command} --sign ${safeText(file, style)} --root-keystore DIR --out ANSWER`;
}

export interface MadeRequest {
  path: string;
  transcript: Transcript;
}

/** Writes a request, signed by the audit key. */
export async function makeRequest(
  ctx: Context,
  writer: KeystoreWriter,
  { file, at = ctx.now() }: RequestPlace,
  asked: Asked,
): Promise<MadeRequest> {
  const { keystore } = writer;
  const { slots, cluster, audit } = keystore.state;
  const request: CeremonyRequest = {
    v: 1,
    cluster,
    createdAt: at.toISOString(),
    slots: slots.filter(({ domain }) => domain === 'root'),
    ...asked,
  };
  const signer = await writer.daily.signer(audit.sealed, 'ed25519');
  const bytes = await encodeSignedLine(CEREMONY, keystore.identity.id, request, signer);
  const path = resolve(ctx.cwd, file);
  await writeResultFile(path, bytes);
  return { path, transcript: await transcriptOf(keystore.identity, request, bytes) };
}

/** What a root that is elsewhere is asked for when it is to sign a CRL: its octets. */
export async function askForCrl(
  writer: KeystoreWriter,
  type: 'crl' | 'last-crl',
  authority: Authority,
  lifetime?: number,
): Promise<Asked> {
  requireKey(writer, authority);
  if (authority.role !== 'root')
    throw new ClusterCaError('ERR_USAGE', `${authority.id} signs here: a request is for a root that is elsewhere`, {
      hint: 'cluster-ca crl --renew',
    });
  const next = await nextCrl(writer, authority, { lifetime });
  const { tbs } = prepareNextCrl({ ...next, keyType: authority.keyType });
  return { type, authority, tbs: toBase64(tbs) };
}

/**
 * Refuses to ask for what can be had without a ceremony: new keys of a root go to its medium.
 * @throws ERR_STATE
 */
export async function requireElsewhere(keystore: Keystore, command: string): Promise<void> {
  if (keystore.identity.rootElsewhere) return;
  if (command !== 'cluster-ca rollover start --issuing') requireOwnRoot(keystore);
  const root = keystore.state.authorities.find(({ role }) => role === 'root');
  const token = root && (await tokenOf(keystore, root.sealed));
  const where = token === undefined ? 'in this keystore' : 'named in this keystore';
  throw new ClusterCaError('ERR_STATE', `the root domain is ${where}: nothing has to be carried to it`, {
    hint: command,
  });
}
