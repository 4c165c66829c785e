import { sha256, sha256Hex } from '../../crypto/hash.ts';
import { createVerifySignature } from '../../crypto/verify-signature.ts';
import { spiffeId } from '../../issuance/names.ts';
import { anchorsOf, desiredOf, phaseOf } from '../../keystore/hierarchy.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { fromBase64 } from '../../pki/encoding.ts';
import { OID } from '../../pki/oids.ts';
import { verifyPath } from '../../pki/path/index.ts';
import { formatSerial } from '../../pki/serial.ts';
import { type Certificate, parseCertificate } from '../../pki/x509/certificate.ts';
import { findExtension } from '../../pki/x509/extension.ts';
import { parseSubjectAltName } from '../../pki/x509/extensions.ts';
import { Problem } from './problem.ts';

/** What a person's certificate lets them do. */
export type Role = 'operator' | 'auditor';

/** Who calls, by their certificate alone. Exactly one of `role` and `node` is there; neither for who may do nothing. */
export interface Caller {
  name: string;
  role?: Role;
  node?: string;
  /** Of a node's certificate. */
  plane?: string;
  fingerprint: string;
  serial: string;
  /** Until when this holds if the log does not change; milliseconds since 1970. */
  until: number;
}

const verify = createVerifySignature();
const ROLE = /^\/role\/(operator|auditor)\/([^/]+)$/;
const NODE = /^\/node\/([^/]+)\/([^/]+)$/;

/** Certificates whose path is remembered: a signature that verified once does so again. */
const REMEMBERED = 20_000;

/**
 * Tells callers apart. What cannot change is remembered: a path that verified once, and, until the log revokes anything
 * at all, that it knows the certificate. A revocation always comes with new CRLs, in one record.
 */
export class Callers {
  readonly #paths = new Map<string, Certificate>();
  readonly #callers = new Map<string, Caller>();
  #authorities = '';
  #crls = '';

  /**
   * The caller that a certificate stands for. TLS has let it in already; here it is held against the log: a valid path
   * to a root of this keystore for a TLS client, a certificate that this keystore issued, octet for octet, not
   * abandoned, not revoked, its issuer neither. The role or node is read from the URI in its DER, and must be the one
   * that the log knows.
   * @throws Problem 403 for any other
   */
  async identify(keystore: Keystore, der: Uint8Array, now: Date): Promise<Caller> {
    this.#forget(keystore);
    const fingerprint = sha256Hex(der);
    const known = this.#callers.get(fingerprint);
    if (known !== undefined && now.getTime() < known.until) return known;
    const certificate = this.#paths.get(fingerprint) ?? validated(keystore, der, now);
    remember(this.#paths, fingerprint, certificate);
    if (now.getTime() >= certificate.notAfter + 1000) throw notAccepted('it has ended');
    const caller = await logged(keystore, certificate, fingerprint);
    remember(this.#callers, fingerprint, caller);
    return caller;
  }

  #forget({ state }: Keystore): void {
    const { crls } = state;
    const hashes = crls.map(({ sha256 }) => sha256).join(' ');
    if (hashes !== this.#crls) this.#callers.clear();
    this.#crls = hashes;
    const ids = [...state.authorities.map(({ id }) => id), ...desiredOf(state).trust, phaseOf(state)].join(' ');
    if (ids !== this.#authorities) {
      this.#paths.clear();
      this.#callers.clear();
    }
    this.#authorities = ids;
  }
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  if (map.size >= REMEMBERED) map.delete(map.keys().next().value as string);
  map.set(key, value);
}

/** What the log says of a certificate whose path is valid. */
async function logged(keystore: Keystore, certificate: Certificate, fingerprint: string): Promise<Caller> {
  const serial = formatSerial(certificate.serialNumber);
  const row = await keystore.query((index) => index.bySerial(serial));
  if (row === undefined) throw notAccepted('it is not in the log');
  if (sha256Hex(await keystore.der(row)) !== fingerprint) throw notAccepted('it is not the one in the log');
  if (row.abandoned) throw notAccepted('it was abandoned');
  if (row.revoked !== undefined) throw notAccepted('it is revoked');
  if (await isRevokedAuthority(keystore, row.authority)) throw notAccepted('its issuing CA is revoked');
  const { policy } = keystore.state;
  const uri = identityOf(certificate);
  const prefix = `spiffe://${policy.domains[0]}`;
  const caller: Caller = { name: row.name, fingerprint, serial, until: certificate.notAfter + 1000 };
  if (uri === undefined || !uri.startsWith(`${prefix}/`)) return caller;
  const path = uri.slice(prefix.length);
  const [, role, person] = ROLE.exec(path) ?? [];
  if (row.kind === 'client' && role !== undefined && person === row.name) return { ...caller, role: role as Role };
  const [, node] = NODE.exec(path) ?? [];
  if (row.kind === 'node' && node === row.name && uri === spiffeId(policy, { ...row, kind: 'node' }))
    return { ...caller, node, plane: row.plane };
  return caller;
}

async function isRevokedAuthority(keystore: Keystore, id: string): Promise<boolean> {
  const serial = formatSerial(keystore.authorityCertificate(id).serialNumber);
  for (const { id: root, role } of keystore.state.authorities) {
    if (role !== 'root') continue;
    const revoked = await keystore.query((index) => index.revocations(root));
    if (revoked.some((entry) => entry.serial === serial)) return true;
  }
  return false;
}

/** The certificate, when it has a valid path to a root as a TLS client's. @throws Problem */
function validated(keystore: Keystore, der: Uint8Array, now: Date): Certificate {
  const { authorities } = keystore.state;
  const issuing = authorities.filter(({ role }) => role !== 'root');
  const { valid, failures } = verifyPath({
    target: { der },
    anchors: anchorsOf(keystore.state).map((anchor) => ({ der: anchor })),
    untrusted: issuing.map((authority) => ({ der: fromBase64(authority.certificate) })),
    now,
    options: { purposes: ['client'] },
    verify,
    sha256: (data) => sha256(data),
  });
  if (!valid) throw notAccepted(failures[0]?.message ?? 'it has no valid path');
  return parseCertificate(der);
}

/** The one URI of the subjectAltName; undefined when there is none, or more than one. */
function identityOf(certificate: Certificate): string | undefined {
  const extension = findExtension(certificate.extensions, OID.subjectAltName);
  if (extension === undefined) return undefined;
  const uris = parseSubjectAltName(extension.value).flatMap((name) => (name.type === 'uri' ? [name.value] : []));
  return uris.length === 1 ? uris[0] : undefined;
}

function notAccepted(why: string): Problem {
  return new Problem(403, 'certificate-not-accepted', `the client certificate is not accepted: ${why}`, {
    hint: 'an operator issues one: cluster-ca issue --client NAME --role operator|auditor',
  });
}
