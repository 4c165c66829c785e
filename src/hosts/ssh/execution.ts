export interface Limits {
  /** Milliseconds for all of it. */
  timeout: number;
  /** Octets of each output that are kept. */
  most: number;
}

/** What a script came to. */
export interface Executed {
  /** An exit status, or a word of the script's. */
  status: string;
  stdout: Buffer;
  stderr: string;
}
