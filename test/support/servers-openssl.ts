import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunResult, run } from './cli.ts';
import { program } from './debian.ts';
import { accepts, freePort } from './ports.ts';
import type { Servers } from './servers.ts';

/** One party of `openssl s_server` and `s_client`. Both hold the other to OpenSSL's strict checks and to every CRL. */
export class OpensslParty {
  readonly #trust: string[];
  readonly #identity: string[];

  private constructor(trust: string[], identity: string[]) {
    this.#trust = trust;
    this.#identity = identity;
  }

  /**
   * @param files where its cert.pem and key.pem are
   * @param trusted what it trusts: anchors, and the current CRL of each CA
   * @param directory for the files in the form that openssl wants, made here
   */
  static async make(files: string, trusted: string, directory: string): Promise<OpensslParty> {
    await mkdir(directory, { recursive: true });
    const [trust, issuers] = [join(directory, 'trust.pem'), join(directory, 'issuers.pem')];
    await writeFile(trust, trusted);
    // openssl takes the end-entity certificate and what is sent after it from two files.
    const chain = await readFile(join(files, 'cert.pem'), 'utf8');
    await writeFile(issuers, chain.slice(new X509Certificate(chain).toString().length));
    const strict = ['-x509_strict', '-verify_return_error', '-crl_check_all'];
    const own = ['-cert', join(files, 'cert.pem'), '-cert_chain', issuers, '-key', join(files, 'key.pem')];
    return new OpensslParty(['-CAfile', trust, '-no-CApath', '-no-CAstore', ...strict], own);
  }

  /** Serves, demanding a client certificate, and answers each line with its mirror image. @returns the port */
  async serve(servers: Servers): Promise<number> {
    const port = await freePort();
    const address = `127.0.0.1:${port}`;
    await servers.start({
      name: `openssl s_server on ${port}`,
      directory: join(servers.directory, `s_server-${port}`),
      file: program('openssl'),
      args: ['s_server', '-accept', address, '-rev', '-Verify', '3', ...this.#trust, ...this.#identity],
      ready: () => accepts(port),
    });
    return port;
  }

  /** Connects and says `ping`; the server's answer is on the standard output. CLOSE makes the server hang up. */
  ping(port: number, ...flags: string[]): Promise<RunResult> {
    return this.#client(port, [...this.#identity, ...flags], 'ping\nCLOSE\n');
  }

  /** Connects, with a certificate or without, says nothing, and waits for the server to hang up. */
  listen(port: number, identified: boolean, ...flags: string[]): Promise<RunResult> {
    return this.#client(port, [...(identified ? this.#identity : []), ...flags], '');
  }

  #client(port: number, flags: string[], input: string): Promise<RunResult> {
    const args = ['s_client', '-connect', `127.0.0.1:${port}`, '-brief', '-ign_eof', ...this.#trust, ...flags];
    return run(program('openssl'), args, { input, timeout: 20_000 });
  }
}
