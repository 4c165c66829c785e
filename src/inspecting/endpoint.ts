import { isIP } from 'node:net';
import type { Context } from '../context.ts';
import { formatAddress, parseAddress } from '../endpoint/address.ts';
import { readClientFiles } from '../endpoint/client-files.ts';
import { misbehaved } from '../endpoint/failure.ts';
import { type Observation, observe } from '../endpoint/observe.ts';
import { checkStarttls } from '../endpoint/starttls.ts';
import { isClusterCaError } from '../errors.ts';
import type { InspectionDocument } from '../inspection/document.ts';
import { inspectBytes } from '../inspection/inspect.ts';
import { describeOcsp, type OcspDescription } from '../inspection/ocsp.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { encodePem } from '../pki/pem.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import { verifyChain } from '../verification/verify-what.ts';
import { type Inspected, inspectionContext } from './context.ts';
import { type EndpointDocument, endpointFacts } from './endpoint-document.ts';
import { renderEndpoint } from './endpoint-render.ts';
import { keystoreIfThere } from './keystore-if-there.ts';

/** How to connect, as the flags say it. */
export interface EndpointFlags {
  cert?: string;
  key?: string;
  starttls?: string;
  name?: string;
  trust?: string[];
}

/**
 * Describes what a server serves and whom it lets in.
 * @throws ERR_REMOTE, ERR_TIMEOUT
 */
export async function inspectEndpoint(ctx: Context, address: string, flags: EndpointFlags): Promise<Inspected> {
  const { seen, pem } = await look(address, flags, true);
  const now = ctx.now();
  const served = describe(ctx, seen, pem);
  const keystore = flags.trust === undefined ? await keystoreIfThere(ctx) : undefined;
  const ocsp = stapleOf(ctx, seen, keystore);
  const verification = keystore === undefined && flags.trust === undefined ? undefined : await verdict(seen, pem);
  const document: EndpointDocument = {
    ...endpointFacts(seen, flags.starttls),
    served,
    ...(ocsp === undefined ? {} : { ocsp }),
    ...(verification === undefined ? {} : { verification }),
  };
  if (verification === undefined) ctx.ui.warn('not verified: there is no keystore here, and no --trust was given');
  return { document, text: (style) => renderEndpoint(document, style, now) };

  async function verdict({ address: name }: Observation, bytes: Uint8Array) {
    const names = [flags.name ?? parseAddress(address).host];
    const request = { trust: flags.trust ?? [], untrusted: [], crls: undefined, useLog: true, explain: false };
    const options = { names, purposes: ['server'] };
    const { valid, path, failures, notes } = await verifyChain(
      keystore,
      { ...request, options, at: now },
      { name, bytes },
    );
    return { valid, path, failures, notes, names, purpose: 'server' };
  }
}

/** The chain as served, PEM: for `--pem` and for comparing. @throws ERR_REMOTE, ERR_TIMEOUT */
export async function servedPem(address: string, flags: EndpointFlags): Promise<Uint8Array> {
  return (await look(address, flags, false)).pem;
}

async function look(
  address: string,
  { cert, key, starttls, name }: EndpointFlags,
  versions: boolean,
): Promise<{ seen: Observation; pem: Uint8Array }> {
  checkStarttls(starttls);
  const to = parseAddress(address);
  const client = readClientFiles(cert, key);
  const asked = name !== undefined && isIP(name) === 0 ? name : undefined;
  const seen = await observe(to, { client, starttls, versions, name: asked });
  const text = seen.chain.map((der) => encodePem('CERTIFICATE', der)).join('');
  return { seen, pem: new TextEncoder().encode(text) };
}

function describe(ctx: Context, { address }: Observation, pem: Uint8Array): InspectionDocument {
  try {
    return inspectBytes(pem, inspectionContext(ctx, address));
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_CONFIG')) throw error;
    throw misbehaved(formatAddress(parseAddress(address)), `serves no certificate that can be read: ${error.message}`);
  }
}

function stapleOf(ctx: Context, seen: Observation, keystore: Keystore | undefined): OcspDescription | undefined {
  if (seen.ocspStaple === undefined) return undefined;
  const own = keystore?.state.authorities.map(({ certificate }) => fromBase64(certificate)) ?? [];
  const [leaf, ...issuers] = [...seen.chain, ...own].flatMap(decoded);
  if (leaf === undefined) return undefined;
  const issuer = issuers.find(({ subject }) => equalBytes(subject, leaf.issuer));
  return describeOcsp(seen.ocspStaple, leaf, issuer, inspectionContext(ctx, seen.address));
}

function decoded(der: Uint8Array): Certificate[] {
  try {
    return [parseCertificate(der)];
  } catch {
    return [];
  }
}
