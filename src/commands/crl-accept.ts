import { resolve } from 'node:path';
import { type CrlCeremonyOptions, runCrlAccept } from '../ceremony/crl.ts';
import { type Context, openKeystoreToWrite } from '../context.ts';
import { newRequestId } from '../keystore/request-id.ts';
import { looksLikePem } from '../pki/pem.ts';
import { readCompanyCrls, recordCompanyCrls, revokedByCompany } from '../revocation/company-crls.ts';
import { crlObject } from '../revocation/revoke.ts';
import { openWriter } from '../unlocking.ts';
import { readInputFile } from '../what/read-file.ts';

/** A CRL that was signed elsewhere: the answer of a ceremony, or what another PKI publishes. */
export async function runAccept(ctx: Context, options: CrlCeremonyOptions): Promise<void> {
  const name = options.accept as string;
  const bytes = readInputFile(resolve(ctx.cwd, name), 'CRL or answer');
  if (!looksLikePem(bytes) && bytes[0] !== 0x30) return runCrlAccept(ctx, options);
  const keystore = await openKeystoreToWrite(ctx);
  const signed = readCompanyCrls(keystore, { name, bytes }, ctx.now());
  for (const { id } of revokedByCompany(keystore, signed))
    ctx.ui.warn(`${id} is revoked by it: whoever reads this CRL refuses everything that ${id} has issued`);
  const crls = signed.map(({ ref }) => crlObject(ref));
  const ids = crls.map(({ authority }) => authority).join(', ');
  if (options.dryRun) return ctx.ui.result({ crls, dryRun: true }, () => `would record the CRLs of ${ids}`);
  const writer = await openWriter(ctx, keystore, options);
  try {
    const recorded = await writer.inTurn(ctx.globals.wait, () => recordCompanyCrls(writer, signed, newRequestId()));
    ctx.ui.result({ crls, recorded: recorded.length > 0 }, () =>
      [
        recorded.length > 0 ? `recorded the CRLs of ${recorded.join(', ')}` : `the CRLs of ${ids} are recorded already`,
        'next: cluster-ca deploy, for the servers that read CRLs',
      ].join('\n'),
    );
  } finally {
    writer.daily.close();
  }
}
