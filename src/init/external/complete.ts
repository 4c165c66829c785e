import { makeAuditKey } from '../../authority/make.ts';
import { auditName } from '../../authority/names.ts';
import { signCrl } from '../../authority/sign-crl.ts';
import { openToken, type PinSource } from '../../crypto/token/token.ts';
import { loadCrypto } from '../../crypto/webcrypto.ts';
import { ClusterCaError } from '../../errors.ts';
import { keyTypeName } from '../../inspection/key-type-name.ts';
import { openSealedKey } from '../../keystore/envelope/sealed-key.ts';
import { openSlot, type Secret } from '../../keystore/envelope/slot.ts';
import { decodeTokenKey } from '../../keystore/envelope/token-key.ts';
import { fromBase64 } from '../../pki/encoding.ts';
import { importSigner } from '../../pki/key.ts';
import { KEY_TYPES } from '../../pki/x509/algorithm.ts';
import { parseCsr } from '../../pki/x509/csr.ts';
import { found, type InitDocument, type InitRequest, ISSUING } from '../init.ts';
import { type Answer, externalCa } from './answer.ts';
import type { Pending } from './pending.ts';

/** Makes the keystore over an answer. @throws ERR_PASSPHRASE when a slot of the request is not opened by these secrets; as `init` */
export async function completeExternal(
  request: Omit<InitRequest, 'cluster' | 'policy' | 'rootLocation' | 'secrets' | 'groupRead'> & {
    secrets: Secret[];
    pin: PinSource;
  },
  pending: Pending,
  { issuing, intermediates, root }: Answer,
): Promise<InitDocument> {
  const { now } = request;
  const { policy, cluster } = pending;
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
        root: externalCa(root),
        intermediates: intermediates.map(externalCa),
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
