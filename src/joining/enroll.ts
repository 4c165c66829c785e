import * as z from 'zod';
import type { Address } from '../endpoint/address.ts';
import { formatAddress } from '../endpoint/address.ts';
import { misbehaved } from '../endpoint/failure.ts';
import { ClusterCaError } from '../errors.ts';
import { toHex } from '../pki/encoding.ts';
import { decodePem } from '../pki/pem.ts';
import type { KeyType } from '../pki/x509/algorithm.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import { publicHalf } from '../placement/key-match.ts';
import { FILES, type FileAccess, holderDirectory, Place } from '../placement/place.ts';
import { ServerClient } from '../remote/call.ts';
import { pinnedRoot } from '../remote/pinned-root.ts';
import { type RequestedKey, requestedKey } from './own-key.ts';
import type { JoinTokenContent } from './token.ts';

/** Milliseconds for the first handshake, and for the answer. */
const HANDSHAKE = 10_000;
const ANSWER = 30_000;

export interface Enrolment {
  server: Address;
  /** As it was written, and what it says. */
  token: string;
  content: JoinTokenContent;
  /** DIR; the files go to DIR/<node>/<plane>/. */
  out: string;
  keyType: KeyType;
  access: FileAccess;
  now: Date;
}

/** One plane's certificate, and the files that it went to. */
export interface Enrolled {
  plane: string;
  serial: string;
  fingerprint: string;
  notAfter: string;
  files: { certificate: string; key: string; trustBundle: string };
}

const answerSchema = z.object({
  certificates: z.array(
    z.object({
      plane: z.string(),
      chain: z.string(),
      certificate: z.object({ serial: z.string(), fingerprint: z.string(), notAfter: z.string() }).loose(),
    }),
  ),
  trustBundle: z.string(),
});

/**
 * Joins: makes the node's keys, has them certified for its token, and puts the files in place. The daemon is verified by
 * the root keys that the token pins, before anything is said to it. Killed at any moment, the same again finishes.
 * @throws ERR_EXISTS when the node has its files already; ERR_REMOTE, ERR_TIMEOUT, ERR_STORAGE
 */
export async function enroll({ server, token, content, out, keyType, access, now }: Enrolment): Promise<Enrolled[]> {
  const { node, planes } = content;
  const places = planes.map((plane) => new Place(holderDirectory(out, { kind: 'node', name: node, plane }), access));
  refuseEnrolled(places, node, now);
  for (const place of places) await place.open();
  const root = await pinnedRoot(server, content.roots, HANDSHAKE);
  const keys: RequestedKey[] = [];
  for (const place of places) {
    // What has ended gets a new key; what a killed run has put in place is taken up.
    const ended = (endOfPair(place) ?? Number.POSITIVE_INFINITY) <= now.getTime();
    keys.push(await requestedKey(place, node, keyType, { inPlace: !ended }));
  }
  const client = new ServerClient(server, { ca: root });
  try {
    const requests = planes.map((plane, i) => ({ plane, csr: keys[i]?.csr }));
    const { body } = await client.call({
      method: 'POST',
      path: '/v1/enroll',
      body: { node, token: token.trim(), requests },
      timeout: ANSWER,
    });
    const answer = answerSchema.safeParse(body);
    if (!answer.success) throw misbehaved(formatAddress(server), 'answers in a form that is not understood');
    const { certificates, trustBundle } = answer.data;
    const enrolled: Enrolled[] = [];
    for (const [i, place] of places.entries()) {
      const plane = planes[i] as string;
      const made = certificates.find((one) => one.plane === plane);
      const { staged, publicKey } = keys[i] as RequestedKey;
      if (made === undefined || keyOf(made.chain) !== publicKey)
        throw misbehaved(formatAddress(server), `does not answer with a certificate of our key for plane ${plane}`);
      await place.finish({ certificate: made.chain, trustBundle }, staged);
      for (const leftover of await place.leftovers()) await place.removeLeftover(leftover);
      const { serial, fingerprint, notAfter } = made.certificate;
      const files = {
        certificate: place.path(FILES.certificate),
        key: place.path(FILES.key),
        trustBundle: place.path(FILES.trustBundle),
      };
      enrolled.push({ plane, serial, fingerprint, notAfter, files });
    }
    return enrolled;
  } finally {
    client.close();
  }
}

/** A certificate that is there with its key: its end, milliseconds since 1970. Undefined: there is no pair. */
function endOfPair(place: Place): number | undefined {
  const bytes = place.read(FILES.certificate);
  const key = publicHalf(place.read(FILES.key));
  if (bytes === undefined || key === undefined) return undefined;
  const pem = new TextDecoder().decode(bytes);
  if (keyOf(pem) !== key) return undefined;
  return parseCertificate(decodePem(pem)[0]?.bytes ?? new Uint8Array()).notAfter + 1000;
}

/** What is good for every plane is not made anew: that is the agent's. @throws ERR_EXISTS */
function refuseEnrolled(places: readonly Place[], node: string, now: Date): void {
  if (!places.every((place) => (endOfPair(place) ?? 0) > now.getTime())) return;
  throw new ClusterCaError('ERR_EXISTS', `${node} has its certificates already: ${places[0]?.directory}`, {
    hint: `its agent renews them: cluster-ca agent --server URL --node ${node} --config FILE`,
  });
}

/** The public key of the first certificate, hex; undefined where there is none. */
function keyOf(pem: string): string | undefined {
  try {
    const first = decodePem(pem).find(({ label }) => label === 'CERTIFICATE');
    return first === undefined ? undefined : toHex(parseCertificate(first.bytes).publicKey.der);
  } catch {
    return undefined;
  }
}
