import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceDirectory } from '../../deployment/service-directory.ts';
import { type ConnectAnswer, ConnectListener, type ListenerOptions } from '../../endpoint/connect-listener.ts';
import type { ClientCertificate } from '../../endpoint/handshake.ts';
import { isClusterCaError } from '../../errors.ts';
import type { Host } from '../../hosts/host.ts';
import type { Service } from '../../inventory/services.ts';
import { type Certificate, parseCertificate } from '../../pki/x509/certificate.ts';
import { targetOf } from '../../targets/index.ts';
import type { DialedListener, Dialer, Dialing } from '../../targets/target.ts';
import { safeText } from '../../ui/text/safe.ts';
import type { Side } from '../phase.ts';
import { judgeProbes, type ProbeAnswer } from '../planning/judge-probes.ts';
import type { Proof } from '../planning/proof.ts';
import type { ListenerProbes } from './probes.ts';

/** What was found of whom a service connects to; or why nothing was, so that its file has to do. */
export type Connecting =
  | { facts: Pick<Proof, 'trustsOld' | 'trustsNew' | 'serves' | 'error'>; how: string }
  | { byFile: string };

/** Where it is, and what is needed to judge what it shows. */
export interface ConnectContext {
  host: Host;
  sideOf: (certificate: Certificate) => Side | undefined;
  now: () => Date;
}

/** Milliseconds for one step, and for an answer. */
const PATIENCE = 5_000;
/** How long a port is waited for that somebody else of ours has just now. */
const TURN = 15_000;
const PAUSE = 200;
const TRIES = 2;

/** Whether a service can be made to connect to an end of ours. */
export function isDialed(service: Service): boolean {
  const found = dialingOf(service);
  return found !== undefined && !('why' in found);
}

/**
 * Makes a service connect to an end of ours that shows the probe of the CA that comes, then of the one that goes, then of
 * one that nobody knows: what it verifies it trusts, and what it refuses it does not, if it has taken the other in the same
 * minute. Undefined of a kind that cannot be made to.
 * @param client a certificate that it lets in, where there is one
 */
export async function askConnect(
  service: Service,
  probes: ListenerProbes | undefined,
  client: ClientCertificate | undefined,
  looking: ConnectContext,
): Promise<Connecting | undefined> {
  const found = dialingOf(service);
  if (found === undefined) return undefined;
  if ('why' in found) return { byFile: found.why };
  if (probes === undefined) return { byFile: 'there is no certificate for an end of ours' };
  try {
    return await withDialer(service, found, probes, client, looking);
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_REMOTE', 'ERR_TIMEOUT', 'ERR_STORAGE')) throw error;
    return { byFile: error.message };
  }
}

interface Dialed {
  dialing: Dialing;
  options: unknown;
  listener: DialedListener;
}

function dialingOf(service: Service): Dialed | { why: string } | undefined {
  const target = targetOf(service.kind);
  if (target?.dialing === undefined) return undefined;
  const options = target.options.safeParse(service.reload);
  if (!options.success) return { why: 'its inventory entry is not understood' };
  const listener = target.dialing.listener(options.data);
  return typeof listener === 'string'
    ? { why: listener }
    : { dialing: target.dialing, options: options.data, listener };
}

async function withDialer(
  service: Service,
  { dialing, options, listener: form }: Dialed,
  probes: ListenerProbes,
  client: ClientCertificate | undefined,
  looking: ConnectContext,
): Promise<Connecting> {
  const { host } = looking;
  const { starttls, port } = form;
  const name = form.fixedName ? probes.name : probes.ownName;
  const listener = await openInTurn(host, { name, starttls, port });
  let dialer: Dialer | undefined;
  try {
    const { files } = new ServiceDirectory(host, service.dir);
    const situation = { service, options, host, files, port: listener.port, name, timeout: PATIENCE };
    dialer = await dialing.open({ ...situation, ...(client === undefined ? {} : { client }) });
    return await hold(listener, dialer, probes, looking);
  } finally {
    await dialer?.close();
    await listener.close();
  }
}

/** The three questions, one behind the other, so that they lie within a minute. */
async function hold(
  listener: ConnectListener,
  dialer: Dialer,
  probes: ListenerProbes,
  { now, sideOf }: ConnectContext,
): Promise<Connecting> {
  const answers: { [S in 'old' | 'new' | 'stranger']?: ProbeAnswer } = {};
  let serves: Side | undefined;
  for (const which of ['new', 'old', 'stranger'] as const) {
    const shown = probes[which];
    if (shown === undefined) continue;
    const { answer, why } = await askTwice(listener, dialer, shown);
    if (answer === undefined) {
      const what = `it did not come to an end of ours on port ${listener.port} of its own host${why === undefined ? '' : `: ${why}`}`;
      return Object.keys(answers).length === 0 ? { byFile: what } : { facts: { error: what }, how: dialer.how };
    }
    if (answer.outcome === 'accepted' && answer.leaf !== undefined) serves ??= sideOf(parseCertificate(answer.leaf));
    const reason = answer.outcome === 'refused' ? answer.reason : undefined;
    answers[which] = { outcome: answer.outcome, at: now().getTime(), reason };
  }
  if (answers.stranger?.outcome !== 'refused')
    return { byFile: 'it takes a certificate of a CA that nobody knows from whom it connects to: it verifies nobody' };
  return { facts: { ...judgeProbes(answers), ...(serves === undefined ? {} : { serves }) }, how: dialer.how };
}

async function askTwice(
  listener: ConnectListener,
  dialer: Dialer,
  shown: ClientCertificate,
): Promise<{ answer?: ConnectAnswer; why?: string }> {
  let why: string | undefined;
  for (let i = 0; i < TRIES; i++) {
    let isOver = false;
    const answer = await listener.ask({ shown, says: dialer.says, timeout: PATIENCE }, async () => {
      const { hasTried, said } = await dialer.dial();
      why = said;
      isOver = true;
      return hasTried;
    });
    if (answer !== undefined) return { answer };
    if (!isOver) break;
  }
  return why === undefined ? {} : { why: safeText(why) };
}

/** A port of which there is one is waited for: another service of the same server may be asked by it now. */
async function openInTurn(host: Host, options: ListenerOptions): Promise<ConnectListener> {
  const deadline = Date.now() + TURN;
  for (;;) {
    try {
      return await ConnectListener.open(host, options);
    } catch (error) {
      const again = options.port !== undefined && isClusterCaError(error, 'ERR_REMOTE') && Date.now() < deadline;
      if (!again) throw error;
      await sleep(PAUSE);
    }
  }
}
