/** What a SPIFFE ID of this tool's form says of its certificate (design.md §4). */
export interface Identity {
  /** The node's, client's or probe's name. */
  node?: string;
  plane?: string;
  profile?: string;
}

const FORM = /^URI:spiffe:\/\/[^/]+\/(?:node\/([^/]+)\/([^/]+)|client\/([^/]+)|role\/[^/]+\/([^/]+)|probe\/([^/]+))$/;

/** Node, plane and profile by the names and purposes of a bare certificate; empty for one that is not of this form. */
export function identityOf(subjectAltNames: readonly string[], purposes: readonly string[] | undefined): Identity {
  for (const name of subjectAltNames) {
    const match = FORM.exec(name);
    if (match === null) continue;
    const node = match[1] ?? match[3] ?? match[4] ?? match[5];
    const profile = profileOf(purposes ?? []);
    return { ...(node && { node }), ...(match[2] && { plane: match[2] }), ...(profile && { profile }) };
  }
  return {};
}

function profileOf(purposes: readonly string[]): string | undefined {
  const server = purposes.includes('serverAuth');
  const client = purposes.includes('clientAuth');
  return server && client ? 'peer' : server ? 'server' : client ? 'client' : undefined;
}
