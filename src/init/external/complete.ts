import { constraintsFor } from '../../authority/constraints.ts';
import { makeAuditKey } from '../../authority/make.ts';
import { auditName, issuingName } from '../../authority/names.ts';
import { signCrl } from '../../authority/sign-crl.ts';
import { sha256 } from '../../crypto/hash.ts';
import { openToken, type PinSource } from '../../crypto/token/token.ts';
import { createVerifySignature } from '../../crypto/verify-signature.ts';
import { loadCrypto } from '../../crypto/webcrypto.ts';
import { ClusterCaError } from '../../errors.ts';
import { keyTypeName } from '../../inspection/key-type-name.ts';
import { openSealedKey } from '../../keystore/envelope/sealed-key.ts';
import { openSlot, type Secret } from '../../keystore/envelope/slot.ts';
import { decodeTokenKey } from '../../keystore/envelope/token-key.ts';
import { DerError } from '../../pki/der/error.ts';
import { equalBytes } from '../../pki/der/writer.ts';
import { fromBase64 } from '../../pki/encoding.ts';
import { importSigner } from '../../pki/key.ts';
import { OID } from '../../pki/oids.ts';
import { KEY_TYPES } from '../../pki/x509/algorithm.ts';
import { type Certificate, parseCertificate } from '../../pki/x509/certificate.ts';
import { parseCsr } from '../../pki/x509/csr.ts';
import { findExtension } from '../../pki/x509/extension.ts';
import { parseBasicConstraints, parseKeyUsage } from '../../pki/x509/extensions.ts';
import { commonName, encodeName } from '../../pki/x509/name.ts';
import { type InputFile, readSources } from '../../verification/read-sources.ts';
import { verifyFiles } from '../../verification/verify-files.ts';
import { found, type InitDocument, type InitRequest, ISSUING } from '../init.ts';
import { leftOut } from './left-out.ts';
import type { Pending } from './pending.ts';

const verify = createVerifySignature();

export interface Answer {
  issuing: Certificate;
  root: Certificate;
  /** What was asked for and is not in it. */
  leftOut: string[];
}

/**
 * Reads what another PKI made of the request: the certificate first, and the root that signed it.
 * @throws ERR_CONFIG for a file that is not that; ERR_POLICY for a certificate that this CA could not work with
 */
export function readAnswer(file: InputFile, pending: Pending, now: Date): Answer {
  const { policy, cluster } = pending;
  const certificates = readSources(file, 'certificate').map(({ der }) => parsed(der, file.name));
  const [issuing, ...others] = certificates as [Certificate, ...Certificate[]];
  const refuse = (problem: string, hint: string): never => {
    throw new ClusterCaError('ERR_POLICY', `the issuing CA's certificate ${problem}`, { hint });
  };
  if (!equalBytes(issuing.publicKey.der, parseCsr(fromBase64(pending.csr)).publicKey.der))
    refuse('is for another key than the request', 'have issuing.csr signed; the certificate comes first in the file');
  const value = (oid: string) => findExtension(issuing.extensions, oid)?.value;
  const [basic, usage] = [value(OID.basicConstraints), value(OID.keyUsage)];
  if (basic === undefined || !parseBasicConstraints(basic).cA)
    refuse('is not that of a CA', 'ask for basicConstraints CA:TRUE, as the request does');
  const usages = usage === undefined ? undefined : parseKeyUsage(usage);
  if (usages !== undefined && !(usages.has('keyCertSign') && usages.has('cRLSign')))
    refuse(
      'does not let it sign certificates and CRLs',
      'ask for the key usages keyCertSign and cRLSign, as the request does',
    );
  if (value(OID.subjectKeyIdentifier) === undefined)
    refuse('has no subject key identifier', 'a CA certificate must have one (RFC 5280 §4.2.1.2)');
  const root = others.find((one) => equalBytes(one.subject, one.issuer) && equalBytes(one.subject, issuing.issuer));
  if (root === undefined)
    throw new ClusterCaError('ERR_CONFIG', `${file.name} does not hold the root CA that signed the issuing CA`, {
      hint: 'put its certificate behind the other: cat issuing.pem root.pem. An issuing CA below an intermediate one is not supported',
    });
  const verdict = verifyFiles({
    subject: { name: 'the issuing CA', bytes: issuing.der },
    trust: [{ name: 'the root CA', bytes: root.der }],
    now,
    verify,
    sha256: (data) => sha256(data),
  });
  if (!verdict.valid)
    refuse(
      `does not validate to that root: ${verdict.failures[0]?.message}`,
      `cluster-ca verify ${file.name} --trust ROOT`,
    );
  const subject = encodeName(commonName(issuingName(cluster, 1, 1)));
  const constraints = constraintsFor(policy.domains, policy.permitIp);
  return { issuing, root, leftOut: leftOut(issuing, { constraints, subject, lifetime: policy.issuingLifetime }) };
}

/** Makes the keystore over an answer. @throws ERR_PASSPHRASE when a slot of the request is not opened by these secrets; as `init` */
export async function completeExternal(
  request: Omit<InitRequest, 'cluster' | 'policy' | 'rootLocation' | 'secrets' | 'groupRead'> & {
    secrets: Secret[];
    pin: PinSource;
  },
  pending: Pending,
  { issuing, root }: Answer,
): Promise<InitDocument> {
  const { now } = request;
  const { policy, cluster } = pending;
  const rootKeyType = KEY_TYPES.find((type) => type === keyTypeName(root.publicKey));
  if (rootKeyType === undefined)
    throw new ClusterCaError(
      'ERR_POLICY',
      `the root's key is ${keyTypeName(root.publicKey)}, which this version does not know`,
      {
        hint: `one of ${KEY_TYPES.join(', ')}`,
      },
    );
  const crypto = await loadCrypto();
  const { key, signer } = await openPending(pending, request.secrets, request.pin, crypto);
  try {
    const until = Math.floor((issuing.notAfter - now.getTime()) / 1000);
    const issuer = { certificate: issuing, signer };
    const audit = await makeAuditKey({ crypto, now, name: auditName(cluster, 1), lifetime: until }, issuer);
    const crl = await signCrl({
      authority: ISSUING,
      issuer: issuing,
      signer,
      revoked: [],
      now,
      lifetime: policy.crlLifetime,
      url: policy.crlUrl,
    });
    const secrets = { daily: request.secrets, root: request.secrets };
    return await found(
      { ...request, cluster, policy, groupRead: pending.groupRead, rootLocation: undefined, secrets },
      {
        root: {
          certificate: root,
          keyType: rootKeyType,
          key: { external: true, keyType: rootKeyType, spki: root.publicKey.der },
        },
        issuing: { certificate: issuing, key },
        audit,
        crls: [crl],
      },
    );
  } finally {
    if ('pkcs8' in key) key.pkcs8.fill(0);
  }
}

async function openPending({ id, slots, key, csr }: Pending, secrets: Secret[], pin: PinSource, crypto: Crypto) {
  const masters: Uint8Array[] = [];
  try {
    for (const { ref, file } of slots) {
      let opened: Awaited<ReturnType<typeof openSlot>>;
      for (const secret of secrets) opened ??= await openSlot(id, ref, fromBase64(file), secret);
      if (opened === undefined)
        throw new ClusterCaError(
          'ERR_PASSPHRASE',
          `the ${ref.kind.replace('-', ' ')} that the request was made with was not given, or is another`,
          {
            hint: 'give the same secrets as with --external-root: they will open the keystore',
          },
        );
      masters.push(opened.masterKey);
    }
    const bytes = fromBase64(key.file);
    const token = decodeTokenKey(id, key.ref, bytes);
    if (token !== undefined) return { key: token, signer: (await openToken(token.uri, pin)).signerOf(token) };
    const pkcs8 = openSealedKey(id, key.ref, bytes, masters[0] as Uint8Array);
    const spki = parseCsr(fromBase64(csr)).publicKey.der;
    const keyType = KEY_TYPES.find(
      (type) => type === keyTypeName(parseCsr(fromBase64(csr)).publicKey),
    ) as (typeof KEY_TYPES)[number];
    return { key: { keyType, pkcs8, spki }, signer: await importSigner(crypto, keyType, pkcs8) };
  } finally {
    for (const master of masters) master.fill(0);
  }
}

function parsed(der: Uint8Array, name: string): Certificate {
  try {
    return parseCertificate(der);
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw new ClusterCaError('ERR_CONFIG', `${name} holds a certificate that cannot be read: ${cause.message}`, {
      cause,
    });
  }
}
