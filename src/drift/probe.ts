import { type Context, openKeystoreToWrite } from '../context.ts';
import { type CertificateObject, certificateObjectOf } from '../documents/certificate-object.ts';
import type { ClientCertificate } from '../endpoint/handshake.ts';
import { checkIssuer } from '../issuance/policy.ts';
import { issueProbe } from '../issuance/probe.ts';
import { tampered } from '../keystore/canonical.ts';
import { decodePem } from '../pki/pem.ts';
import { formatSerial } from '../pki/serial.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import { openWriter, requireClock, type UnlockOptions } from '../unlocking.ts';

/** A client certificate to look at services with, and its object. Whoever is done with it zeroes the key. */
export interface Probe {
  client: ClientCertificate;
  certificate: CertificateObject;
}

/**
 * Unlocks the keystore and makes a probe certificate, which is in the log like any other; its key stays in memory.
 * @throws as `issue` does: ERR_KEYSTORE_PERMISSIONS, ERR_POLICY, ERR_CLOCK, ERR_INPUT_REQUIRED, ERR_PASSPHRASE,
 * ERR_KEYSTORE_BUSY, ERR_STORAGE
 */
export async function makeProbe(ctx: Context, unlock: UnlockOptions): Promise<Probe> {
  const keystore = await openKeystoreToWrite(ctx);
  checkIssuer({ issuer: keystore.authorityCertificate(keystore.newestIssuing.id), now: ctx.now() });
  await requireClock(ctx, keystore);
  const writer = await openWriter(ctx, keystore, unlock);
  try {
    const client = await issueProbe(writer, ctx.globals.wait);
    const der = decodePem(client.cert)[0]?.bytes as Uint8Array;
    const serial = formatSerial(parseCertificate(der).serialNumber);
    const row = await keystore.query((index) => index.bySerial(serial));
    if (row === undefined) throw tampered(`the probe certificate ${serial} is not in the log`);
    return { client, certificate: certificateObjectOf(row, der, ctx.now()) };
  } finally {
    writer.daily.close();
  }
}
