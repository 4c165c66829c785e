import type { CreateOptions } from '../../../src/keystore/create.ts';
import { fixedBytes, fixedEd25519, fixedP256 } from './deterministic-keys.ts';
import { POLICY } from './vector-keystore.ts';

/** What `createKeystore` needs, with secrets that take no time; the certificates are the audit key's octets, which nobody reads. */
export function createOptions(location: string, changes: Partial<CreateOptions> = {}): CreateOptions {
  const audit = fixedEd25519('created audit key');
  const secret = { kind: 'key-file' as const, bytes: fixedBytes('created key file', 32) };
  const slot = [{ name: 'key-file', secret }];
  return {
    location,
    rootLocation: undefined,
    groupRead: false,
    now: new Date('2026-01-02T03:04:05.678Z'),
    actor: 'test@example',
    requestId: 'request',
    secrets: { daily: slot, root: slot },
    auditKey: audit,
    auditSigner: audit.signer,
    keys: [{ id: 'root-g1', domain: 'root', key: fixedP256('created root') }],
    body: (_, sealed, slots) => ({
      cluster: 'created',
      policy: POLICY,
      authorities: [],
      audit: { certificate: '', sealed },
      slots,
      crls: [],
    }),
    objects: [],
    ...changes,
  };
}
