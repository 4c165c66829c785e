import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expectExit, type Runner } from '../cli/checks.ts';
import { type RunResult, run } from '../support/cli.ts';
import { newPlace } from '../support/clusters.ts';
import { warmCli } from '../support/warm.ts';

/** What makes a certificate one of a CA, for an openssl configuration. */
export const CA =
  'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n';

/** A company's PKI, which is openssl in a directory, and our command line beside it. */
export interface Company {
  directory: string;
  path(name: string): string;
  /** For `openssl req`: a new key of this company's curve. */
  newKey: string[];
  ca: Runner;
  /** @throws unless it ends with 0 */
  openssl(...args: string[]): Promise<RunResult>;
  /** `<name>.pem` and `<name>.key`, self-signed. */
  newRoot(name: string): Promise<void>;
  /** Signs a request with `<by>.key`. */
  sign(csr: string, by: string, out: string, ...more: string[]): Promise<void>;
  /** The files one after the other. */
  text(...files: string[]): Promise<string>;
}

/** Call it at the top level of a test file: it registers the clean-up. @param curve of the company's keys, `P-256` */
export async function newCompany(name: string, curve: string): Promise<Company> {
  const place = await newPlace(name);
  const { directory } = place;
  const path = (file: string): string => join(directory, file);
  const env = { ...place.env, CLUSTER_CA_KEYSTORE: path('keystore'), CLUSTER_CA_KEY_FILE: path('key') };
  const newKey = ['-newkey', 'ec', '-pkeyopt', `ec_paramgen_curve:${curve}`, '-nodes'];
  const openssl = async (...args: string[]): Promise<RunResult> => {
    const result = await run('openssl', args, { cwd: directory });
    expectExit(result, 0);
    return result;
  };
  return {
    directory,
    path,
    newKey,
    openssl,
    ca: (args, options = {}) => warmCli(args, { cwd: directory, ...options, env: { ...env, ...options.env } }),
    async newRoot(root) {
      const subject = ['-subj', `/O=Company/CN=${root}`, '-days', '3650'];
      const usage = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
      await openssl('req', '-x509', ...newKey, '-keyout', `${root}.key`, '-out', `${root}.pem`, ...subject, ...usage);
    },
    async sign(csr, by, out, ...more) {
      const issuer = ['-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-days', '1825'];
      await openssl('x509', '-req', '-in', csr, ...issuer, '-out', out, ...more);
    },
    text: async (...files) => (await Promise.all(files.map((file) => readFile(path(file), 'utf8')))).join(''),
  };
}
