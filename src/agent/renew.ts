import * as z from 'zod';
import { formatAddress } from '../endpoint/address.ts';
import { misbehaved } from '../endpoint/failure.ts';
import { requestedKey } from '../joining/own-key.ts';
import { toHex } from '../pki/encoding.ts';
import type { KeyType } from '../pki/x509/algorithm.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import { FILES, holderDirectory, Place } from '../placement/place.ts';
import type { ServerClient } from '../remote/call.ts';
import { certificatesOf } from './knowledge.ts';

const ANSWER = 30_000;

const answerSchema = z.object({ chain: z.string(), trustBundle: z.string() });

export interface Renewal {
  node: string;
  plane: string;
  /** The tree of `issue --out`. */
  out: string;
  keyType: KeyType;
}

/**
 * Has a new key certified over mutual TLS and puts it where the node keeps its own. The key is on the disk before the
 * daemon is asked, so that what was certified is never lost: whoever was killed in between asks with the same key
 * again, and gets the same certificate.
 * @throws ERR_REMOTE, ERR_TIMEOUT, ERR_STORAGE
 */
export async function renew(client: ServerClient, { node, plane, out, keyType }: Renewal): Promise<void> {
  const place = new Place(holderDirectory(out, { kind: 'node', name: node, plane }), { keyMode: 0o600 });
  await place.open();
  const key = await requestedKey(place, node, keyType);
  const { body } = await client.call({
    method: 'POST',
    path: `/v1/nodes/${node}/certificates`,
    body: { csr: key.csr, plane },
    timeout: ANSWER,
  });
  const answer = answerSchema.safeParse(body);
  const [leaf] = answer.success ? certificatesOf(answer.data.chain) : [];
  if (!answer.success || leaf === undefined || toHex(parseCertificate(leaf).publicKey.der) !== key.publicKey)
    throw misbehaved(formatAddress(client.address), 'does not answer with a certificate of our key');
  const { chain: certificate, trustBundle } = answer.data;
  await place.finish({ certificate, trustBundle }, key.staged);
  for (const leftover of await place.leftovers()) await place.removeLeftover(leftover);
}

/** Whether a key is staged that the daemon may have certified. */
export async function hasStagedKey(place: Place): Promise<boolean> {
  return (await place.leftovers({ mine: true })).some(({ final }) => final === FILES.key);
}
