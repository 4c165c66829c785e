import { hostname, networkInterfaces } from 'node:os';
import { sha256Hex } from '../../crypto/hash.ts';
import { loadCrypto } from '../../crypto/webcrypto.ts';
import { chainPem } from '../../issuance/files.ts';
import { defaultDnsName, isNodeName } from '../../issuance/names.ts';
import { signBatch } from '../../issuance/sign-batch.ts';
import type { SignedItem } from '../../issuance/template.ts';
import { encodeCanonical } from '../../keystore/canonical.ts';
import { dueAt } from '../../keystore/certificates/due.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import type { KeystoreWriter } from '../../keystore/writer.ts';
import { generateKey } from '../../pki/key.ts';
import { OID } from '../../pki/oids.ts';
import { permits } from '../../pki/path/index.ts';
import { encodePem } from '../../pki/pem.ts';
import { parseCertificate } from '../../pki/x509/certificate.ts';
import { findExtension } from '../../pki/x509/extension.ts';
import { parseNameConstraints } from '../../pki/x509/extensions.ts';
import { type GeneralName, ipName } from '../../pki/x509/general-name.ts';
import { parseIp } from '../../pki/x509/ip.ts';

/** What the daemon's own certificate is issued to: as probes, the tool's own. */
const NAME = 'cluster-ca-serve';
/** Its key lives as long as the process at most: no reason for a longer certificate. */
const LONGEST = 7 * 86_400;

export interface OwnCertificate {
  /** PEM: the certificate and its issuing CA. */
  cert: string;
  /** PEM. In memory only. */
  key: string;
  names: string[];
  serial: string;
  dueAt: number;
  notAfter: number;
  authority: string;
}

/** Issues the certificate that the daemon shows, for this host, localhost and the address it listens on. */
export async function issueOwnCertificate(
  writer: KeystoreWriter,
  address: string,
  wait: number,
): Promise<OwnCertificate> {
  const { keystore } = writer;
  const crypto = await loadCrypto();
  const key = await generateKey(crypto, 'ecdsa-p256');
  const { policy } = keystore.state;
  const { dns, ip } = ownNames(keystore, address);
  const item: SignedItem = {
    kind: 'probe',
    name: NAME,
    plane: '',
    profile: 'server',
    dns,
    ip,
    keyType: 'ecdsa-p256',
    lifetime: Math.min(policy.nodeLifetime, LONGEST),
    wildcards: false,
  };
  const requestHash = sha256Hex(new TextEncoder().encode(encodeCanonical({ verb: 'serve' })));
  const { der, authority } = await writer.inTurn(wait, async () => {
    const authority = keystore.newestIssuing;
    const { sealed, keyType, id } = authority;
    const signer = await writer.daily.signer(sealed, keyType);
    const common = { writer, signer, crypto, authority, requestId: newRequestId(), requestHash };
    const context = { ...common, confirm: async () => {} };
    const [made] = await signBatch([{ item, publicKey: key.spki }], context);
    return { der: made as Uint8Array, authority: id };
  });
  const { notBefore, notAfter, serialNumber } = parseCertificate(der);
  const pem = encodePem('PRIVATE KEY', key.pkcs8);
  key.pkcs8.fill(0);
  return {
    cert: chainPem(keystore, der, authority),
    key: pem,
    names: [...dns, ...ip],
    serial: Buffer.from(serialNumber).toString('hex'),
    dueAt: dueAt(policy, item, notBefore, notAfter),
    notAfter,
    authority,
  };
}

/** Those of the names by which this host can be called that the issuing CA may certify. */
function ownNames(keystore: Keystore, address: string): { dns: string[]; ip: string[] } {
  const host = hostname().toLowerCase();
  const given = parseIp(address) === undefined ? [address.toLowerCase()] : [];
  const dns = ['localhost', ...given, ...(isNodeName(host) ? [host, defaultDnsName(host, keystore.state.policy)] : [])];
  const everywhere = address === '0.0.0.0' || address === '::';
  const own = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((one) => one.address));
  const ip = (everywhere ? own : [address]).filter((text) => parseIp(text) !== undefined);
  const extension = findExtension(
    keystore.authorityCertificate(keystore.newestIssuing.id).extensions,
    OID.nameConstraints,
  );
  const allowed = (name: GeneralName): boolean =>
    extension === undefined || permits(parseNameConstraints(extension.value), { altNames: [name] }).length === 0;
  return {
    dns: [...new Set(dns)].filter((value) => allowed({ type: 'dns', value })),
    ip: [...new Set(ip)].filter((text) => allowed(ipName(text))),
  };
}
