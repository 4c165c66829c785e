import * as z from 'zod';
import { type ClusterCaError, type ErrorCode, isClusterCaError } from '../../errors.ts';

/** The status that an error of the use cases has over HTTP. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  ERR_USAGE: 400,
  ERR_INPUT_REQUIRED: 400,
  ERR_CONFIG: 409,
  ERR_PARTIAL: 409,
  ERR_ATTENTION: 409,
  ERR_POLICY: 422,
  ERR_LINT: 422,
  ERR_PATH: 422,
  ERR_NOT_FOUND: 404,
  ERR_EXISTS: 409,
  ERR_STATE: 409,
  ERR_CLOCK: 503,
  ERR_REMOTE: 502,
  ERR_TIMEOUT: 504,
  ERR_KEYSTORE_BUSY: 503,
  ERR_STORAGE: 503,
};

/** A problem document (RFC 9457). */
export const problemSchema = z
  .object({
    type: z.string().describe('urn:cluster-ca:problem: and what kind of problem it is'),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    hint: z.string().optional().describe('what helps'),
    code: z.string().optional().describe('the error code of the command line, ERR_…'),
  })
  .catchall(z.unknown());

export interface ProblemOptions {
  hint?: string | undefined;
  code?: string;
  /** Further members. Plain data, never a secret. */
  members?: Record<string, unknown>;
  headers?: Record<string, string>;
  cause?: unknown;
}

const TITLES: Record<number, string> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

/** What is answered instead of a result. */
export class Problem extends Error {
  readonly status: number;
  readonly kind: string;
  readonly options: ProblemOptions;

  constructor(status: number, kind: string, detail: string, options: ProblemOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = status;
    this.kind = kind;
    this.options = options;
  }

  /** The document's members. */
  get document(): z.infer<typeof problemSchema> {
    const { hint, code, members } = this.options;
    return {
      type: `urn:cluster-ca:problem:${this.kind}`,
      title: TITLES[this.status] ?? 'Error',
      status: this.status,
      detail: this.message,
      ...(hint === undefined ? {} : { hint }),
      ...(code === undefined ? {} : { code }),
      ...members,
    };
  }
}

/** Any error as a problem. Of a bug nothing is told but that it is one. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (isClusterCaError(error)) return fromClusterCa(error);
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (status >= 400 && status < 500) return new Problem(status, 'request', (error as Error).message);
  return new Problem(500, 'internal', 'a bug in cluster-ca: the daemon has logged it', { cause: error });
}

function fromClusterCa(error: ClusterCaError): Problem {
  const { code, message, hint } = error;
  const status = STATUS[code] ?? 500;
  const kind = code.replace(/^ERR_/, '').toLowerCase().replaceAll('_', '-');
  return new Problem(status, kind, message, {
    hint,
    code,
    ...(status === 503 ? { headers: { 'Retry-After': '5' } } : {}),
    cause: error,
  });
}
