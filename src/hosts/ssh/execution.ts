export interface Limits {
  /** Milliseconds for all of it. */
  timeout: number;
  /** Octets of each output that are kept. */
  most: number;
  /** Standard input has no end before the script's: it is told so when we are gone. */
  held?: boolean;
}

/** What a script came to. */
export interface Executed {
  /** An exit status, or a word of the script's. */
  status: string;
  stdout: Buffer;
  stderr: string;
}
