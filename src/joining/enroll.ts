import * as z from 'zod';
import type { Address } from '../endpoint/address.ts';
import { formatAddress } from '../endpoint/address.ts';
import { misbehaved } from '../endpoint/failure.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
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
 * the root keys that the token pins, before anything is said to it. Killed at any moment, the same again finishes. What is
 * there already and the daemon takes stays; what it does not take any more (revoked, or left out of a rollover) is replaced.
 * @throws ERR_EXISTS when the node has its files already; ERR_REMOTE, ERR_TIMEOUT, ERR_STORAGE
 */
export async function enroll({ server, token, content, out, keyType, access, now }: Enrolment): Promise<Enrolled[]> {
  const { node, planes } = content;
  const places = planes.map((plane) => new Place(holderDirectory(out, { kind: 'node', name: node, plane }), access));
  const root = await pinnedRoot(server, content.roots, HANDSHAKE);
  const standing: Standing[] = [];
  for (const place of places) standing.push(await standingOf(place, { server, root, node, now }));
  refuseEnrolled(places, standing, node);
  for (const place of places) await place.open();
  const keys: RequestedKey[] = [];
  // What is over gets a new key; what a killed run has put in place is taken up.
  for (const [i, place] of places.entries())
    keys.push(await requestedKey(place, node, keyType, { inPlace: standing[i] !== 'over' }));
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

/** What a place has: nothing whole, a pair that is taken, or one that has ended or is not taken any more. */
type Standing = 'none' | 'in force' | 'over';

async function standingOf(
  place: Place,
  { server, root, node, now }: { server: Address; root: string; node: string; now: Date },
): Promise<Standing> {
  const bytes = place.read(FILES.certificate);
  const key = place.read(FILES.key);
  const half = publicHalf(key);
  if (bytes === undefined || key === undefined || half === undefined) return 'none';
  const cert = new TextDecoder().decode(bytes);
  if (keyOf(cert) !== half) return 'none';
  const { notAfter } = parseCertificate(decodePem(cert)[0]?.bytes ?? new Uint8Array());
  if (notAfter + 1000 <= now.getTime()) return 'over';
  return (await isTaken(new ServerClient(server, { ca: root, cert, key }), node)) ? 'in force' : 'over';
}

/**
 * Whether the daemon takes a certificate: of a CA that it does not trust any more the connection ends without a word.
 * @throws ERR_TIMEOUT
 */
async function isTaken(client: ServerClient, node: string): Promise<boolean> {
  try {
    await client.call({ method: 'GET', path: `/v1/nodes/${node}/next?wait=0`, timeout: ANSWER });
    return true;
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_REMOTE')) throw error;
    const { status, problem } = error.details ?? {};
    return status !== undefined && problem !== 'certificate-not-accepted';
  } finally {
    client.close();
  }
}

/** What is good for every plane is not made anew: that is the agent's. @throws ERR_EXISTS */
function refuseEnrolled(places: readonly Place[], standing: readonly Standing[], node: string): void {
  if (!standing.every((one) => one === 'in force')) return;
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
