import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../support/cli.ts';

/** Runs openssl, which must succeed, and gives its stdout and stderr. */
export async function openssl(args: string[], input?: string): Promise<string> {
  const result = await run('openssl', args, input === undefined ? {} : { input });
  if (result.code !== 0) throw new Error(`openssl ${args.join(' ')} exits ${result.code}: ${result.stderr}`);
  return result.stdout + result.stderr;
}

/** What `openssl x509 -text` says of the first certificate of a file. */
export const certificateText = (file: string): Promise<string> => openssl(['x509', '-in', file, '-noout', '-text']);

/** The certificates of a PEM text, in their order. */
export function certificates(pem: string): X509Certificate[] {
  return (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (block) => new X509Certificate(block),
  );
}

export interface Pair {
  certificate: X509Certificate;
  chain: X509Certificate[];
  key: KeyObject;
  keyMode: number;
  /** Whether the key is the certificate's. */
  matches: boolean;
  serial: string;
}

/** Reads cert.pem and key.pem of a directory. */
export async function readPair(directory: string): Promise<Pair> {
  const [certificate, ...rest] = certificates(await readFile(join(directory, 'cert.pem'), 'utf8'));
  if (!certificate) throw new Error(`${directory}/cert.pem has no certificate`);
  const key = createPrivateKey(await readFile(join(directory, 'key.pem'), 'utf8'));
  return {
    certificate,
    chain: [certificate, ...rest],
    key,
    keyMode: (await stat(join(directory, 'key.pem'))).mode & 0o777,
    matches: certificate.checkPrivateKey(key),
    serial: serialOf(certificate),
  };
}

/** As the tool writes serials: lower-case hex. */
export const serialOf = (certificate: X509Certificate): string => certificate.serialNumber.toLowerCase();

/** SHA-256 of the DER, lower-case hex. */
export const fingerprintOf = (certificate: X509Certificate): string =>
  certificate.fingerprint256.replaceAll(':', '').toLowerCase();

export interface RequestOptions {
  subject?: string;
  /** Values for `-addext`. */
  extensions?: string[];
  /** Words of `openssl req` that choose the key. */
  key?: string[];
}

const P256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

/** `openssl req` with nothing but what is asked for: the system's configuration would add extensions. */
async function req(path: string, options: RequestOptions, words: string[]): Promise<string> {
  await writeFile(`${path}.cnf`, '[req]\ndistinguished_name = dn\nstring_mask = utf8only\n[dn]\n');
  const subject = options.subject ?? '/CN=whoever';
  const extensions = (options.extensions ?? []).flatMap((value) => ['-addext', value]);
  await openssl([
    ...['req', '-new', '-config', `${path}.cnf`, ...(options.key ?? P256), '-nodes', '-utf8', '-subj', subject],
    ...[...extensions, ...words, '-keyout', `${path}.key`, '-out', `${path}.pem`],
  ]);
  return `${path}.pem`;
}

/** A CSR made by openssl: PATH.pem and PATH.key. */
export const makeRequest = (path: string, options: RequestOptions = {}): Promise<string> => req(path, options, []);

/** A certificate made by openssl, self-signed, or signed by ISSUER (`ISSUER.pem`, `ISSUER.key`). */
export function makeCertificate(
  path: string,
  options: RequestOptions & { issuer?: string; days?: number } = {},
): Promise<string> {
  const issuer =
    options.issuer === undefined ? [] : ['-CA', `${options.issuer}.pem`, '-CAkey', `${options.issuer}.key`];
  return req(path, options, ['-x509', '-days', String(options.days ?? 30), ...issuer]);
}
