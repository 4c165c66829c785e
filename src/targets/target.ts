import type * as z from 'zod';
import type { ClientCertificate } from '../endpoint/handshake.ts';
import type { Host } from '../hosts/host.ts';
import type { Service, ServiceKind } from '../inventory/services.ts';

/** The files of a service's directory, absolute, as its configuration names them. */
export interface ServiceFiles {
  certificate: string;
  key: string;
  trustBundle: string;
  crl: string;
  /** Certificate, issuers and key in one file. */
  combined: string;
}

/** Which of what a service reads has changed on its disk. */
export interface Change {
  certificate: boolean;
  trust: boolean;
  crl: boolean;
}

/** What a kind of server can and cannot do. */
export interface Abilities {
  /** When it takes a new certificate: by itself at each handshake, at a reload, at a restart, or nobody knows. */
  certificate: 'handshake' | 'reload' | 'restart' | 'unknown';
  /** When it takes a new trust bundle. */
  trust: 'handshake' | 'reload' | 'restart' | 'unknown';
  /** Which CRLs its crl.pem holds: one for every CA, or the issuing CA's alone; `none`: it reads no CRL. */
  crl: 'every-level' | 'issuing' | 'none';
  /** It wants combined.pem too. */
  combined: boolean;
  /** Connections that rest on an old certificate can be listed; and renewed one at a time. */
  connections: 'none' | 'listed' | 'cycled';
}

/** Something that speaks against placing the files. */
export interface Problem {
  message: string;
  hint: string;
}

/** Why a server is not to be spoken to, and where there is one its own cure. */
export interface Refusal {
  message: string;
  hint?: string;
}

/** What a target is handed, all but what it reads itself. */
export interface Situation<O> {
  service: Service;
  /** The service's `reload`, checked by the kind's schema. */
  options: O;
  host: Host;
  files: ServiceFiles;
  /** A client certificate of this CA, to speak with the service; its end is within the hour. */
  client: ClientCertificate;
  /**
   * Judges the certificate that a server shows before anything is said to it: a path to this CA's roots, or one of
   * this CA's certificates though expired.
   * @param chain DER, end-entity certificate first
   * @returns why it is not to be spoken to; undefined when it is
   */
  judge(chain: readonly Uint8Array[]): Promise<Refusal | undefined>;
  /** Milliseconds that one step may take. */
  timeout: number;
  /** What the user should know, though it stops nothing. */
  warn(message: string): void;
}

/** Connections made before a moment, which rest on what was served then. */
export interface OldConnections {
  /** How many there are. */
  count: number;
  /** In the server's words: `2 cluster bus links, 1 replica`. */
  what: string;
}

/**
 * One kind of server: how it takes new files. What is the same for all (placing, the served certificate, putting back)
 * is not here; docs/servers/ says how each was found out.
 */
export interface Target<O = unknown> {
  readonly kind: ServiceKind;
  /** What `reload` may say in the inventory. */
  readonly options: z.ZodType<O>;
  abilities(options: O): Abilities;
  /** Nothing is connected to yet. */
  open(situation: Situation<O>): Session;
  /** How it is made to connect to an end of ours, so that it shows whom it trusts as a client. */
  readonly dialing?: Dialing<O>;
}

/** How a kind of server is made to connect to a listener of ours, as it connects to its own servers. */
export interface Dialing<O = unknown> {
  /** Of which form the listener has to be; a text: why this one cannot be made to. */
  listener(options: O): DialedListener | string;
  /**
   * Makes ready. What it adds to the service is gone after `close`.
   * @throws ERR_REMOTE, ERR_TIMEOUT with the reason why it cannot be made to connect
   */
  open(situation: DialSituation<O>): Promise<Dialer>;
}

export interface DialedListener {
  /** What is said before TLS. */
  starttls?: 'postgres';
  /** Where the service's configuration says it is; else any port. */
  port?: number;
  /** It asks for the name that is the same in every run, since its configuration has it. */
  fixedName?: true;
}

export interface DialSituation<O> {
  service: Service;
  options: O;
  host: Host;
  files: ServiceFiles;
  /** A client certificate that the service lets in, where there is one. */
  client?: ClientCertificate;
  /** The listener: its port on 127.0.0.1 of the service's host, and the name that it is to be asked for. */
  port: number;
  name: string;
  /** Milliseconds that one step may take. */
  timeout: number;
}

export interface Dialer {
  /** By what it is made to connect, in words: `a server that was added to its backend redis`. */
  readonly how: string;
  /** What it will say inside TLS. */
  readonly says?: string;
  /** Makes it connect, at least once; ends when that is over. */
  dial(): Promise<Attempt>;
  close(): Promise<void>;
}

/** How it went on the side of who connects. */
export interface Attempt {
  /** False where the service is seen not to have tried. */
  hasTried: boolean;
  /** What it says of it. */
  said?: string;
}

/**
 * One service during one run. Steps throw ERR_REMOTE or ERR_TIMEOUT. A connection that the first step has opened may
 * be kept: it still stands when the service's TLS is broken.
 */
export interface Session {
  /**
   * What would make the new files useless or harmful, looked at before anything is placed: an admin channel that does
   * not answer, a configuration that names other files. Asks, changes nothing.
   */
  preflight(change: Change): Promise<Problem[]>;
  /** 0 for what goes first (a replica, a follower, what does not say), 1 for a primary or leader. */
  rank?(): Promise<number>;
  /**
   * Makes the service take what is on its disk. Success is no proof: the served certificate is. Also called to make
   * it take the previous files again.
   */
  reload(change: Change): Promise<void>;
  /**
   * What the server itself says of the material it has in use, where it can be asked beyond a handshake.
   * @returns what is wrong; undefined when nothing is
   */
  proof?(change: Change): Promise<string | undefined>;
  /** Connections made before `since` that rest on an older certificate. */
  connections?(since: Date): Promise<OldConnections>;
  /** Renews those connections one at a time, waiting for each to be whole again, where no operation fails by it. */
  cycle?(since: Date): Promise<void>;
  close(): Promise<void>;
}
