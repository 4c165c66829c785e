import { isUnfinished } from '../../deployment/change-to-make.ts';
import { askServed, resumesSession, type Served } from '../../deployment/served.ts';
import { ServiceDirectory } from '../../deployment/service-directory.ts';
import { readDisk } from '../../drift/disk.ts';
import { parseAddress, serverNameOf } from '../../endpoint/address.ts';
import { type FirstFlight, readFirstFlight } from '../../endpoint/first-flight.ts';
import { type ClientCertificate, handshake } from '../../endpoint/handshake.ts';
import { isClusterCaError } from '../../errors.ts';
import type { Host } from '../../hosts/host.ts';
import type { Service } from '../../inventory/services.ts';
import { equalBytes } from '../../pki/der/writer.ts';
import { decodePem } from '../../pki/pem.ts';
import { type Certificate, parseCertificate } from '../../pki/x509/certificate.ts';
import { safeText } from '../../ui/text/safe.ts';
import type { Form, Side } from '../phase.ts';
import { judgeProbes, type ProbeAnswer } from '../planning/judge-probes.ts';
import type { Proof } from '../planning/proof.ts';
import type { Role } from '../planning/subject.ts';
import { askConnect, type Connecting } from './connect.ts';
import type { Probes } from './probes.ts';
import { hasOneTrust, isAsked, rolesOf } from './subjects.ts';

export interface Looking {
  form: Form;
  /** The two anchors, DER. */
  anchors: { old: Uint8Array | undefined; new: Uint8Array | undefined };
  /** Under which of the two roots a certificate was issued; undefined for one of another. */
  sideOf: (certificate: Certificate) => Side | undefined;
  /** Without them nothing is spoken to: the files alone are looked at. */
  probes: Probes | undefined;
  host: Host;
  now: () => Date;
}

/** `oneTrust`: it was seen to load one trust file for both roles. `admitted`: a probe of ours that it lets in. */
type Facts = { oneTrust?: boolean; admitted?: ClientCertificate } & Pick<
  Proof,
  'trustsOld' | 'trustsNew' | 'serves' | 'fingerprint' | 'checksNone' | 'how' | 'error'
>;
const FACTS = ['trustsOld', 'trustsNew', 'serves', 'checksNone'] as const;
const LONGEST = 300;

/**
 * What can be proven of a service now: by handshakes, in which nothing is said but what shows that we are let in, and by
 * its files. Where it loads one trust file for both roles, at one moment, who it accepts proves whom it connects to; others
 * are made to connect to an end of ours, where they can be. What does not answer is a proof without facts, with the reason.
 */
export async function lookAt(service: Service, looking: Looking): Promise<Proof[]> {
  const { now, probes } = looking;
  const files = await lookAtFiles(service, looking);
  const asked = isAsked(service) && probes !== undefined ? await askAs(service, probes, looking) : undefined;
  const isSeen = asked?.fingerprint !== undefined && !hasOneTrust(service) && !asked.oneTrust;
  const connecting = isSeen ? await askConnect(service, probes?.listener, asked.admitted, looking) : undefined;
  const at = now().getTime();
  return rolesOf(service).map((role) => {
    const facts = factsOf(service, role, files, asked, connecting);
    return proof(service, role, at, looking.form === 'foreign' ? withFiles(facts, files) : facts);
  });
}

function proof(
  service: Service,
  role: Role,
  at: number,
  { provenBy, ...facts }: Facts & Pick<Proof, 'provenBy'>,
): Proof {
  const { holder, plane, label } = service;
  const { error, how, oneTrust: _, admitted: __, ...rest } = facts;
  const known = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  const proven = FACTS.some((fact) => known[fact] !== undefined);
  return {
    ...holder,
    ...(plane === '' ? {} : { plane }),
    service: label,
    role,
    ...known,
    ...(proven ? { provenBy } : {}),
    at,
    ...(how === undefined ? {} : { how: safeText(how).slice(0, LONGEST) }),
    ...(error === undefined ? {} : { error: safeText(error).slice(0, LONGEST) }),
  };
}

function factsOf(
  service: Service,
  role: Role,
  files: Facts,
  asked: Facts | undefined,
  connecting: Connecting | undefined,
): Facts & Pick<Proof, 'provenBy'> {
  if (asked === undefined) {
    const { trustsOld: _, trustsNew: __, ...rest } = files;
    const checksNone = role === 'accept' && service.verifyClient === 'none';
    return checksNone ? { ...rest, checksNone, provenBy: 'file' } : { ...files, provenBy: 'file' };
  }
  if (role === 'accept') return { ...asked, provenBy: 'handshake' };
  if (hasOneTrust(service) || asked.oneTrust) {
    const { checksNone, ...facts } = asked;
    return { ...facts, ...(checksNone ? { error: NOT_BY_HANDSHAKE } : {}), provenBy: 'handshake' };
  }
  // Of what does not answer nobody knows what it has loaded.
  if (asked.fingerprint === undefined) return asked;
  if (connecting !== undefined && 'facts' in connecting) {
    const { serves, fingerprint } = asked;
    return { fingerprint, ...(serves && { serves }), ...connecting.facts, how: connecting.how, provenBy: 'handshake' };
  }
  // Files that the service has not loaded yet say nothing of whom it connects to.
  const differs = (fact: 'trustsOld' | 'trustsNew' | 'serves'): boolean =>
    asked[fact] !== undefined && files[fact] !== undefined && asked[fact] !== files[fact];
  if (differs('trustsOld') || differs('trustsNew') || differs('serves'))
    return { error: 'what it has loaded is not what is on its disk', provenBy: 'file' };
  const error = asked.error ?? files.error;
  const how = connecting && { how: connecting.byFile };
  return { ...files, ...how, ...(error === undefined ? {} : { error }), provenBy: 'file' };
}

const NOT_BY_HANDSHAKE =
  'it checks no client certificate, so that no handshake shows whom it connects to: where that is meant, its inventory entry says verifyClient: none';

/** There is no probe of a CA whose key is not ours: where the service names none either, its files say whether it is trusted. */
function withFiles(facts: Facts & Pick<Proof, 'provenBy'>, { trustsOld }: Facts): Facts & Pick<Proof, 'provenBy'> {
  const known = facts.fingerprint === undefined || facts.trustsOld !== undefined || trustsOld === undefined;
  if (known || facts.trustsNew !== true) return facts;
  return { ...facts, trustsOld, ...(facts.how === undefined ? {} : { how: NOT_OURS }), provenBy: 'file' };
}

const NOT_OURS = 'no end of ours can show a certificate of a CA whose key is not ours';

/**
 * There is no probe of a CA whose key is not ours. A service that still has a certificate of it has a control all the same:
 * it is to accept its own, in the minute in which it refuses ours.
 */
async function askAs(service: Service & { address: string }, probes: Probes, looking: Looking): Promise<Facts> {
  if (looking.form !== 'foreign') return ask(service, probes, looking);
  const directory = new ServiceDirectory(looking.host, service.dir);
  const [cert, key] = [await directory.read('cert.pem'), await directory.read('key.pem')];
  try {
    const leaf = decodePem(cert ?? '').find(({ label }) => label === 'CERTIFICATE');
    const theirs = leaf !== undefined && looking.sideOf(parseCertificate(leaf.bytes)) === 'old';
    const own = theirs && cert !== undefined && key !== undefined ? { old: { cert, key } } : {};
    const { admitted, ...found } = await ask(service, { ...probes, ...own }, looking);
    // Theirs is not kept: its key is not ours.
    return admitted === undefined || admitted === own.old ? found : { ...found, admitted };
  } finally {
    key?.fill(0);
  }
}

/** The handshakes, one behind the other, so that they lie within a minute. */
async function ask(service: Service & { address: string }, probes: Probes, looking: Looking): Promise<Facts> {
  const answers: { [S in 'old' | 'new' | 'stranger']?: ProbeAnswer } = {};
  let served: Served | undefined;
  let resumed = false;
  for (const name of ['new', 'old', 'stranger'] as const) {
    const client: ClientCertificate | undefined = probes[name];
    if (client === undefined) continue;
    const found = await askServed(service, client);
    if (found.state !== 'serves') return { error: found.why };
    served = found;
    if (name === 'old') resumed = await resumes(service, client, found, probes);
    answers[name] = {
      outcome: found.lets ? 'accepted' : 'refused',
      at: looking.now().getTime(),
      reason: found.why,
    };
  }
  const lets = answers.stranger?.outcome === 'accepted';
  const judged = judgeProbes({
    ...answers,
    ...(lets ? { asks: await asksForCertificate(service) } : {}),
    saidToCheckNone: service.verifyClient === 'none',
  });
  const announced = looking.form === 'foreign' && !judged.checksNone ? await announcedBy(service, looking) : {};
  const shown = served?.state === 'serves' ? shownBy(served.der, served.fingerprint, looking) : {};
  const lastOf = (side: Side) => (answers[side]?.outcome === 'accepted' ? probes[side] : undefined);
  const admitted = lastOf('new') ?? lastOf('old');
  const oneTrust = service.kind === 'etcd' && admitted !== undefined && (await isPeerPort(service, admitted));
  return {
    ...judged,
    ...announced,
    ...shown,
    ...(oneTrust ? { oneTrust } : {}),
    ...(admitted === undefined ? {} : { admitted }),
    ...(resumed ? { trustsOld: true, error: RESUMES } : {}),
  };
}

/**
 * Whether a session that the old CA's probe began, when it was let in, is resumed now that it is not: whoever holds such a
 * session is still let in. Servers that keep a cache, or the keys of their tickets, over a reload do that.
 */
async function resumes(
  service: Service & { address: string },
  client: ClientCertificate,
  found: Served & { state: 'serves' },
  { sessions }: Probes,
): Promise<boolean> {
  const { holder, plane, label } = service;
  const key = `${holder.kind} ${holder.name} ${plane} ${label}`;
  if (found.lets) {
    if (found.session !== undefined) sessions?.set(key, found.session);
    return false;
  }
  const session = sessions?.get(key);
  if (session === undefined) return false;
  return resumesSession(service, client, session);
}

const RESUMES =
  "it refuses the old CA's certificates, and resumes sessions that they began: its session cache, or the keys of its tickets, outlive the change; restart it, or replace those keys";

function shownBy(der: Uint8Array, fingerprint: string, { sideOf }: Looking): Facts {
  const serves = sideOf(parseCertificate(der));
  return { fingerprint, ...(serves === undefined ? {} : { serves }) };
}

/**
 * Whether a port of etcd is that of its peers: it names the members, which the client port does not. It loads one trust file,
 * when it starts, for the peers that connect to it and for those that it connects to.
 */
async function isPeerPort(service: Service & { address: string }, client: ClientCertificate): Promise<boolean> {
  const to = parseAddress(service.address);
  try {
    const request = 'GET /members HTTP/1.0\r\n\r\n';
    const { answer } = await handshake(to, { client, serverName: serverNameOf(to.host), ask: { request } });
    return /^HTTP\/1\.\d 200 /.test(answer ?? '');
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_REMOTE', 'ERR_TIMEOUT')) throw error;
    return false;
  }
}

/** Of a CA whose key is not ours: whether the service names it among those whose certificates it takes; and ours, where it lacks. */
async function announcedBy(service: Service & { address: string }, { anchors }: Looking): Promise<Facts> {
  const named = (await firstFlight(service))?.certificateRequest?.authorities ?? [];
  if (named.length === 0) return {};
  const names = (anchor: Uint8Array | undefined): boolean | undefined =>
    anchor && named.some((name) => equalBytes(name, parseCertificate(anchor).subject));
  const [old, fresh] = [names(anchors.old), names(anchors.new)];
  return {
    ...(old === undefined ? {} : { trustsOld: old }),
    // That it is there is what its probe shows.
    ...(old === true && fresh === false ? { trustsNew: false } : {}),
  };
}

/** Whether it asks who connects for a certificate; undefined when that is not seen. */
async function asksForCertificate(service: Service & { address: string }): Promise<boolean | undefined> {
  const flight = await firstFlight(service);
  return flight && flight.certificateRequest !== undefined;
}

async function firstFlight(service: Service & { address: string }): Promise<FirstFlight | undefined> {
  const to = parseAddress(service.address);
  const starttls = service.kind === 'postgres' ? 'postgres' : undefined;
  const versions = ['TLSv1.3', 'TLSv1.2'] as const;
  try {
    const flight = await readFirstFlight(to, { versions, serverName: serverNameOf(to.host), starttls });
    return flight.outcome === 'answered' ? flight : undefined;
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_REMOTE', 'ERR_TIMEOUT')) throw error;
    return undefined;
  }
}

/** What the files say: which anchors are in ca.pem, whose certificate is in cert.pem. */
async function lookAtFiles({ dir }: Service, { host, anchors, sideOf }: Looking): Promise<Facts> {
  const disk = await readDisk(host, dir);
  if (disk.unseen !== undefined) return { error: disk.unseen };
  const trusts = (anchor: Uint8Array | undefined): boolean | undefined =>
    anchor === undefined || disk.anchors.length === 0
      ? undefined
      : disk.anchors.some(({ der }) => equalBytes(der, anchor));
  if (isUnfinished(await new ServiceDirectory(host, dir).look()))
    return { error: `the files in ${dir} are not confirmed yet` };
  const [leaf] = disk.chain;
  return {
    trustsOld: trusts(anchors.old),
    trustsNew: trusts(anchors.new),
    serves: leaf && sideOf(leaf),
    ...(disk.anchors.length === 0 ? { error: `there is no trust bundle in ${dir}` } : {}),
  };
}
