import { ClusterCaError } from '../errors.ts';
import { checkClientName, checkNodeName, isClientName } from '../issuance/names.ts';
import type { IssuedCertificate } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';

/** A name as somebody wrote it: of a node, of a client, or of whichever has it. */
export interface NamedHolder {
  name: string;
  kind?: 'node' | 'client' | undefined;
}

/** Reads `NAME`, `node:NAME` or `client:NAME`. */
export function readHolder(text: string): NamedHolder {
  const match = /^(node|client):(.+)$/s.exec(text);
  return match === null ? { name: text } : { name: match[2] as string, kind: match[1] as 'node' | 'client' };
}

/** The same, of a name that a node or a client can have at all. @throws ERR_USAGE with the nearest legal one */
export function readLegalHolder(text: string): NamedHolder {
  const holder = readHolder(text);
  if (holder.kind === 'client') checkClientName(holder.name);
  else if (holder.kind === 'node' || !isClientName(holder.name)) checkNodeName(holder.name);
  return holder;
}

/**
 * Every certificate ever issued to the node or client of this name, oldest first.
 * @throws ERR_NOT_FOUND when there is none; ERR_USAGE when a node and a client have the name and neither was meant
 */
export async function certificatesOf(keystore: Keystore, { name, kind }: NamedHolder): Promise<IssuedCertificate[]> {
  return keystore.query(async (index) => {
    const node = kind === 'client' ? [] : await index.ofName('node', name);
    const client = kind === 'node' && node.length > 0 ? [] : await index.ofName('client', name);
    if (node.length > 0 && client.length > 0)
      throw new ClusterCaError('ERR_USAGE', `${name} is both a node and a client`, {
        hint: `say which: node:${name} or client:${name}`,
      });
    if (node.length + client.length === 0)
      throw new ClusterCaError('ERR_NOT_FOUND', `no certificate was ever issued to ${name}`, {
        hint: 'cluster-ca list --all shows what was issued',
      });
    return [...node, ...client];
  });
}

/** The command that issues to a holder. */
export function issueCommandFor(holder: { kind: string; name: string }): string {
  return `cluster-ca issue ${holder.kind === 'client' ? '--client ' : ''}${holder.name}`;
}
