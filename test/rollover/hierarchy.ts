import { OID } from '../../src/pki/oids.ts';
import { extKeyUsage } from '../../src/pki/x509/extensions.ts';
import { ipName } from '../../src/pki/x509/general-name.ts';
import { VALIDITY } from '../endpoint/tls-server.ts';
import { type Entity, makeCa, makeLeaf, makeRoot } from '../support/make-pki.ts';

/** A root and an issuing CA, with what a server at 127.0.0.1 shows and what a probe does. */
export interface Hierarchy {
  root: Entity;
  issuing: Entity;
  server: Entity;
  probe: Entity;
}

export function hierarchy(name: string): Hierarchy {
  const root = makeRoot(`CN=${name} Root`, VALIDITY);
  const issuing = makeCa(`CN=${name} Issuing`, root, VALIDITY);
  const leaf = (names: Parameters<typeof makeLeaf>[2], ...purposes: string[]): Entity =>
    makeLeaf('CN=leaf', issuing, names, { ...VALIDITY, extensions: [extKeyUsage(purposes as never)] });
  return {
    root,
    issuing,
    server: leaf([ipName('127.0.0.1')], OID.serverAuth, OID.clientAuth),
    probe: leaf([], OID.clientAuth),
  };
}
