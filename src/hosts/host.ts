import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** What stands at a path, links not followed. */
export interface Entry {
  type: 'file' | 'directory' | 'link' | 'other';
  /** Permission bits. */
  mode: number;
  uid: number;
  gid: number;
  /** Octets. */
  size: number;
  /** Of a link: what it says, as written. */
  target?: string;
}

export interface NewFile {
  /** In its directory, without a slash. */
  name: string;
  content: Uint8Array;
  mode: number;
}

export interface RunOptions {
  /** Milliseconds until it is killed. */
  timeout: number;
}

/** Who a file is for, by number. */
export interface Reader {
  uid: number;
  gid: number;
}

/** How a program ended. Its output is cut at 64 KiB. */
export interface Ended {
  /** Undefined when a signal ended it; by ssh a code of 129 to 192 counts as that: a shell shows it so. */
  code: number | undefined;
  stdout: string;
  stderr: string;
}

/** A port that was opened on a host's 127.0.0.1. */
export interface Listening {
  port: number;
  /** Closes it, and the connections that it has. */
  close(): Promise<void>;
}

/**
 * The machine that a service's directory is on: this one, or one reached by ssh. Paths are absolute. Everything
 * throws ERR_STORAGE for what the file system refuses, with the path; ERR_REMOTE and ERR_TIMEOUT for a host that
 * cannot be reached. What is written is durable when the promise resolves.
 */
export interface Host {
  /** As messages name it: `this host`, `deploy@redis-1`. */
  readonly label: string;
  /**
   * A file's content, links followed; undefined when there is none. More than 16 MiB: ERR_STORAGE.
   * @param reader to whom it will be given: ERR_STORAGE for what he may not read himself. A link may be of his making
   */
  read(path: string, reader?: Reader): Promise<Uint8Array | undefined>;
  /** What stands there, links not followed; undefined when nothing does. */
  look(path: string): Promise<Entry | undefined>;
  /** The names in a directory; none when it is not there. */
  list(directory: string): Promise<string[]>;
  /** The directory and those above it, 0755, where they are not there. */
  makeDirectory(path: string): Promise<void>;
  /**
   * A new directory, 0755, with these files: each is given its mode and owner before its content is in it. ERR_STORAGE
   * when it is there already; what a failure leaves is removed.
   * @param owner USER[:GROUP] as that host knows them
   */
  makeSet(directory: string, files: readonly NewFile[], owner: string | undefined): Promise<void>;
  /** Makes a symbolic link of that name, in one step with whatever was there: file or link, not a directory. */
  pointTo(path: string, target: string): Promise<void>;
  /**
   * Makes a file of that name that no other process has made: whoever comes second is told so. Not durable.
   * @returns false when it is there already
   */
  claim(path: string, content: string): Promise<boolean>;
  /** A file, a link, or a directory with the files in it. Nothing there: nothing done. */
  remove(path: string): Promise<void>;
  /**
   * Runs a program, no shell between, with nothing to read. It is ended with this process, or with the connection to its
   * host. ERR_TIMEOUT when it takes too long; it is killed then. ERR_REMOTE when it can't be started.
   */
  run(argv: readonly string[], options: RunOptions): Promise<Ended>;
  /** A connection to a unix socket there. ERR_REMOTE when nothing listens. */
  connect(path: string): Promise<Duplex>;
  /**
   * Opens a port on the loopback address there, for as long as it is not closed; who connects to it is handed over here.
   * @param port which; any free one without
   * @throws ERR_REMOTE when that port is in use, or no way leads back from there
   */
  listen(take: (socket: Socket) => void, port?: number): Promise<Listening>;
  /** Whether the process of that number is there. */
  isAlive(pid: number): Promise<boolean>;
  /** Sends a signal. ERR_REMOTE when there is no such process or it may not be. */
  signal(pid: number, signal: 'SIGHUP' | 'SIGUSR2'): Promise<void>;
  /** Ends what was opened for it. */
  close(): Promise<void>;
}
