import { safeText } from '../ui/text/safe.ts';
import { escapeName } from './haproxy-socket.ts';

/** One command over the stats socket. */
export type Ask = (command: string, payload?: string) => Promise<string>;

/** What `show ssl cert` lists. */
export interface CertificateList {
  names: string[];
  /** The certificate that somebody is about to change: there can be one. */
  open: string | undefined;
}

/** @returns undefined when it does not answer as HAProxy does */
export async function listCertificates(ask: Ask): Promise<CertificateList | undefined> {
  const answer = await ask('show ssl cert');
  if (!answer.includes('# filename')) return undefined;
  const lines = answer.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return {
    names: lines.filter((line) => !line.startsWith('*')),
    open: lines.find((line) => line.startsWith('*'))?.slice(1),
  };
}

/**
 * Gives the running worker a certificate with its key, by its name in the configuration.
 * @param pem certificate, issuers and key
 * @returns why it was not taken; undefined when it was
 */
export async function setCertificate(ask: Ask, name: string, pem: Uint8Array): Promise<string | undefined> {
  const escaped = escapeName(name);
  const open = (await listCertificates(ask))?.open;
  // With a transaction open, `set` changes that one, whatever name it is given.
  if (open !== undefined && open !== name) return `somebody is changing ${safeText(open)} at run time`;
  const set = await ask(`set ssl cert ${escaped}`, withoutEmptyLines(pem));
  if (!/^Transaction (created|updated) for certificate /m.test(set)) return `set ssl cert says: ${firstLine(set)}`;
  const commit = await ask(`commit ssl cert ${escaped}`);
  // A dot for each place that took it. After a CA or a CRL was committed at run time there is Success, and no dot.
  const line = commit.split('\n').find((one) => one.startsWith(`Committing ${name}`)) ?? '';
  const taken = line.length > `Committing ${name}`.length;
  if (commit.includes('Success!')) return taken ? undefined : 'commit ssl cert says Success, and nothing took it';
  await ask(`abort ssl cert ${escaped}`);
  return `commit ssl cert says: ${firstLine(commit)}`;
}

/** An empty line would end what is sent. */
function withoutEmptyLines(pem: Uint8Array): string {
  const lines = new TextDecoder().decode(pem).split(/\r?\n/);
  return lines.filter((line) => line.trim() !== '').join('\n');
}

function firstLine(answer: string): string {
  return safeText(answer.trim().split('\n')[0]?.slice(0, 200) ?? '') || 'nothing';
}
