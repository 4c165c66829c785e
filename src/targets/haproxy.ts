import * as z from 'zod';
import { parseAddress, serverNameOf } from '../endpoint/address.ts';
import { handshake } from '../endpoint/handshake.ts';
import { ClusterCaError } from '../errors.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { decodePem } from '../pki/pem.ts';
import { safeText } from '../ui/text/safe.ts';
import { trustNotTaken } from './announced-trust.ts';
import { olderSessions } from './haproxy-connections.ts';
import { haproxyDialing } from './haproxy-dialing.ts';
import { listLoaded, proveCertificate, proveCrls, proveTrust } from './haproxy-proof.ts';
import { canReload, reloadHaProxy } from './haproxy-reload.ts';
import { type Ask, listCertificates, setCertificate } from './haproxy-runtime.ts';
import { askHaProxy } from './haproxy-socket.ts';
import { lookAtWorker, lookAtWorkers } from './haproxy-workers.ts';
import { argv, duration, path } from './options.ts';
import { noProcess, readPid } from './processes.ts';
import { checkCommand, missingProgram } from './run-command.ts';
import type { Change, OldConnections, Problem, Session, Situation, Target } from './target.ts';

const options = z.strictObject({
  /** The stats socket, of level admin: certificates without a reload, and what is loaded. */
  socket: path.optional(),
  /** How the certificate is called in the configuration, behind `crt`; by default combined.pem's path. */
  certificate: z
    .string()
    .regex(/^[^\r\n]+$/)
    .optional(),
  /** Three ways to reload, and with the first two also to see the workers: at least one for trust and CRLs. */
  masterSocket: path.optional(),
  pidFile: path.optional(),
  command: argv.optional(),
  /** The configuration, checked before each reload. */
  config: path.optional(),
  /** How long a reload may take until there is a new worker. */
  timeout: duration.optional(),
});
type Options = z.infer<typeof options>;

/** Where the program is when PATH has no sbin. */
const PROGRAMS = ['/usr/sbin/haproxy', '/usr/local/sbin/haproxy'];

/**
 * HAProxy reads nothing again by itself. A certificate alone is set in the running worker over the stats socket;
 * trust and CRLs are read by a reload, never set at run time: that crashes HAProxy 2.6. What was set at run time is gone
 * after a reload, which reads what is on the disk.
 */
export const haproxyTarget: Target<Options> = {
  kind: 'haproxy',
  options,
  abilities: ({ socket, masterSocket }) => ({
    certificate: 'reload',
    trust: 'reload',
    crl: 'every-level',
    combined: true,
    connections: socket === undefined && masterSocket === undefined ? 'none' : 'listed',
  }),
  open: (situation) => new HaProxySession(situation),
  dialing: haproxyDialing,
};

class HaProxySession implements Session {
  readonly #situation: Situation<Options>;

  constructor(situation: Situation<Options>) {
    this.#situation = situation;
  }

  async preflight(change: Change): Promise<Problem[]> {
    try {
      return [...(await this.#socketProblems()), ...(await this.#reloadProblems(change))];
    } catch (error) {
      if (!(error instanceof ClusterCaError)) throw error;
      return [{ message: error.message, hint: error.hint ?? 'its log says more' }];
    }
  }

  async reload(change: Change): Promise<void> {
    const { service, host, warn, options, timeout } = this.#situation;
    const { label } = service;
    if (options.socket !== undefined && change.certificate && !change.trust && !change.crl) {
      const why = await this.#setAtRunTime();
      if (why === undefined) return;
      if (!canReload(options))
        throw new ClusterCaError('ERR_REMOTE', `${label}: ${why}`, { hint: 'its log says more' });
      warn(`${label} is reloaded, because the certificate could not be set at run time: ${why}`);
    }
    await this.#checkConfiguration();
    const left = await reloadHaProxy(host, options, label, options.timeout ?? timeout);
    if (left) warn(`${label}: its old worker goes on with the old files until its connections end`);
  }

  /** What the worker says that it has loaded. A served certificate says nothing of trust, nor of the side to the servers. */
  async proof({ certificate, trust, crl }: Change): Promise<string | undefined> {
    const { service, host, files, options, timeout } = this.#situation;
    if (options.socket === undefined)
      return trust && service.address !== undefined
        ? trustNotTaken(service.address, { host, path: files.trustBundle }, { timeout })
        : undefined;
    const prove = async (file: string, work: (pem: Uint8Array) => Promise<string | undefined>) => {
      const pem = await host.read(file);
      const wrong = pem === undefined ? undefined : await work(pem);
      pem?.fill(0);
      return wrong === undefined ? undefined : `${service.label} ${wrong}`;
    };
    const loaded = async (kind: 'ca-file' | 'crl-file', file: string): Promise<boolean> =>
      (await listLoaded(this.#ask, kind)).includes(file);
    return (
      (certificate ? await prove(files.combined, (pem) => proveCertificate(this.#ask, this.#name, pem)) : undefined) ??
      (trust && (await loaded('ca-file', files.trustBundle))
        ? await prove(files.trustBundle, (pem) => proveTrust(this.#ask, files.trustBundle, pem))
        : undefined) ??
      (crl && (await loaded('crl-file', files.crl))
        ? await prove(files.crl, (pem) => proveCrls(this.#ask, files.crl, pem))
        : undefined)
    );
  }

  async connections(since: Date): Promise<OldConnections> {
    const { host, options, timeout } = this.#situation;
    const { socket, masterSocket } = options;
    let left = 0;
    if (masterSocket !== undefined)
      for (const pid of (await lookAtWorkers(host, { masterSocket }, timeout))?.old ?? [])
        left += (await lookAtWorker(host, masterSocket, pid, timeout))?.connections ?? 0;
    const sessions = socket === undefined ? 0 : olderSessions(await this.#ask('show sess'), since);
    const parts = [
      ...(sessions === 0 ? [] : [`${sessions} session${sessions === 1 ? '' : 's'}`]),
      ...(left === 0 ? [] : [`${left} connection${left === 1 ? '' : 's'} of old workers`]),
    ];
    return { count: sessions + left, what: parts.join(', ') };
  }

  async close(): Promise<void> {}

  readonly #ask: Ask = (command, payload) => {
    const { host, options, timeout } = this.#situation;
    return askHaProxy(host, options.socket ?? '', command, timeout, payload);
  };

  /** The certificate's name in the configuration. */
  get #name(): string {
    return this.#situation.options.certificate ?? this.#situation.files.combined;
  }

  /** @returns why it was not taken; undefined when it was */
  async #setAtRunTime(): Promise<string | undefined> {
    const { service, host, files, client, timeout } = this.#situation;
    const pem = await host.read(files.combined);
    if (pem === undefined) return `${files.combined} is not there`;
    try {
      const why = await setCertificate(this.#ask, this.#name, pem);
      if (why !== undefined || service.address === undefined) return why;
      // A line on which a CA or a CRL was committed at run time has not taken it, though others have.
      const to = parseAddress(service.address);
      const { leaf } = await handshake(to, { client, timeout, serverName: serverNameOf(to.host) });
      const [own] = decodePem(pem).filter(({ label }) => label === 'CERTIFICATE');
      const same = leaf !== undefined && own !== undefined && equalBytes(leaf, own.bytes);
      return same ? undefined : 'it says Success, and serves another certificate';
    } catch (error) {
      if (!(error instanceof ClusterCaError)) throw error;
      return error.message;
    } finally {
      pem.fill(0);
    }
  }

  async #socketProblems(): Promise<Problem[]> {
    const { service, options, files, warn } = this.#situation;
    const { socket } = options;
    if (socket === undefined) return [];
    const level = (await this.#ask('show cli level')).trim();
    if (level !== 'admin')
      return [
        {
          message: `${service.label} lets ${socket} do what ${safeText(level.slice(0, 80))} may, which is too little`,
          hint: `stats socket ${socket} mode 600 level admin, in section global of its configuration`,
        },
      ];
    const list = await listCertificates(this.#ask);
    if (!(await listLoaded(this.#ask, 'ca-file')).includes(files.trustBundle))
      warn(`${service.label} has no ca-file ${files.trustBundle}: whom it trusts is not what is deployed`);
    if (list?.names.includes(this.#name) !== true)
      return [
        {
          message: `${service.label} has no certificate ${safeText(this.#name)}; it has ${safeText(list?.names.join(', ') || 'none')}`,
          hint: `bind … ssl crt ${files.combined}; or say in the inventory how it is called: reload: { certificate: NAME }`,
        },
      ];
    if (list.open !== undefined && list.open !== this.#name)
      return [
        {
          message: `somebody is changing the certificate ${safeText(list.open)} of ${service.label} at run time`,
          hint: `echo "abort ssl cert ${safeText(list.open)}" | socat - ${socket}`,
        },
      ];
    return [];
  }

  async #reloadProblems({ trust, crl }: Change): Promise<Problem[]> {
    const { service, options, host, timeout, warn } = this.#situation;
    const { label } = service;
    const { masterSocket, pidFile, command, socket } = options;
    if (!canReload(options) && (trust || crl || socket === undefined))
      return [
        {
          message: `${label} is to be reloaded${trust || crl ? ' for its trust and CRLs' : ''}, and the inventory does not say how`,
          hint: 'say it in the inventory: reload: { masterSocket: PATH }, { pidFile: PATH } or { command: [PROGRAM, …] }',
        },
      ];
    if (masterSocket !== undefined && (await lookAtWorkers(host, { masterSocket }, timeout)) === undefined)
      return [
        {
          message: `${masterSocket} does not answer as HAProxy's master does`,
          hint: `start it as a master with this socket: haproxy -W -S ${masterSocket}`,
        },
      ];
    if (pidFile !== undefined && command === undefined && masterSocket === undefined)
      if ((await readPid(host, pidFile)) === undefined) throw noProcess(label, pidFile);
    try {
      await this.#checkConfiguration();
    } catch (error) {
      // What is wrong with the very files that are to be replaced is no obstacle to the cure.
      if (!String((error as ClusterCaError).details?.said).includes(`${service.dir}/`)) throw error;
      warn(`${label}, with the files that it has now: ${(error as ClusterCaError).message}`);
    }
    return missingProgram(host, command);
  }

  /** A reload of what does not load leaves the old worker, but the next start fails. */
  async #checkConfiguration(): Promise<void> {
    const { host, options, timeout } = this.#situation;
    if (options.config === undefined) return;
    let program = 'haproxy';
    for (const candidate of PROGRAMS) if ((await host.look(candidate)) !== undefined) program = candidate;
    await checkCommand(host, [program, '-c', '-f', options.config], timeout, /\[ALERT\].*? : (.*)/);
  }
}
