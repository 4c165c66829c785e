/** Something that an operator should know about what was inspected. */
export interface Problem {
  /** Stable: scripts match on it. */
  code: string;
  /** `critical`: it will be refused, or does not do what it seems to. `warning`: some will refuse it, or soon. */
  severity: 'info' | 'warning' | 'critical';
  /** Lower case, without a full stop. May quote the file: not safe to print as it is. */
  message: string;
  /** Which certificate, where there are several. */
  fingerprint?: string;
}

export function critical(code: string, message: string): Problem {
  return { code, severity: 'critical', message };
}

export function warning(code: string, message: string): Problem {
  return { code, severity: 'warning', message };
}

export function info(code: string, message: string): Problem {
  return { code, severity: 'info', message };
}

/** The message of whatever a decoder threw. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
