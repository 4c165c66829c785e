import * as z from 'zod';
import { ClusterCaError } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import { safeText } from '../ui/text/safe.ts';

/** Rows only, no file of the user's, no question for a password, no pager; an error ends it. */
const OURS = ['-X', '-q', '-A', '-t', '-w', '-v', 'ON_ERROR_STOP=1', '-P', 'pager=off'];

/** The server, asked by psql: it has the login, the host, and every way in that PostgreSQL knows. */
export class Psql {
  readonly #host: Host;
  readonly #argv: readonly string[];
  readonly #label: string;
  readonly #timeout: number;

  constructor(host: Host, argv: readonly string[], label: string, timeout: number) {
    this.#host = host;
    this.#argv = argv;
    this.#label = label;
    this.#timeout = timeout;
  }

  /**
   * The rows of a query. What goes into it is ours: nothing is quoted here.
   * @throws ERR_REMOTE for what psql or the server refuses, and for rows of another shape; ERR_TIMEOUT
   */
  async rows<T>(query: string, row: z.ZodType<T>): Promise<T[]> {
    const text = `select coalesce(json_agg(q), '[]') from (${query}) q`;
    const { code, stdout, stderr } = await this.#host.run([...this.#argv, ...OURS, '-c', text], {
      timeout: this.#timeout,
    });
    if (code !== 0) throw this.#refused(code === undefined ? 'psql was killed' : said(stderr, code));
    const read = z.array(row).safeParse(json(stdout));
    if (read.success) return read.data;
    throw this.#refused(`psql prints ${safeText(JSON.stringify(stdout.slice(0, 200)))}`);
  }

  /** The one row of a query. @throws as rows */
  async row<T>(query: string, row: z.ZodType<T>): Promise<T> {
    const [only] = await this.rows(query, row);
    if (only === undefined) throw this.#refused('a query gives no row');
    return only;
  }

  #refused(why: string): ClusterCaError {
    return new ClusterCaError('ERR_REMOTE', `${this.#label} cannot be asked with psql: ${why}`, {
      hint: `run it by hand on ${this.#host.label}: ${this.#argv.map(word).join(' ')} -c "select 1"`,
    });
  }
}

/** The first thing that it says; what follows explains it. */
function said(stderr: string, code: number): string {
  const line = stderr.split('\n').find((one) => one.trim() !== '') ?? `it ended with ${code}`;
  return safeText(line.replace(/^psql: (error: )?/, '').slice(0, 300));
}

function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${safeText(text).replaceAll("'", "'\\''")}'`;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
