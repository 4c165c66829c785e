import { sha256Hex } from '../crypto/hash.ts';
import { publicKeyOf } from '../crypto/private-key-info.ts';
import { ClusterCaError } from '../errors.ts';
import { inspectBytes } from '../inspection/inspect.ts';
import { readInputFile } from '../what/read-file.ts';
import type { ClientCertificate } from './handshake.ts';

/**
 * The client certificate of `--cert` and `--key`, the pair checked before anything is connected to.
 * @throws ERR_USAGE when only one is given; ERR_CONFIG when they are not what they should be, or no pair
 */
export function readClientFiles(cert: string | undefined, key: string | undefined): ClientCertificate | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined)
    throw new ClusterCaError('ERR_USAGE', '--cert and --key go together', {
      hint: 'give the certificate with its chain and its private key, both in PEM',
    });
  const client = { cert: readInputFile(cert, 'certificate'), key: readInputFile(key, 'private key') };
  const [certificateKey, ownKey] = [keyOf(client.cert, cert, 'certificate'), keyOf(client.key, key, 'private-key')];
  if (certificateKey !== ownKey)
    throw new ClusterCaError('ERR_CONFIG', `the key ${key} does not belong to the certificate ${cert}`, {
      hint: `cluster-ca inspect ${key} says what it belongs to`,
    });
  return client;
}

/** SHA-256 of the public key of the first certificate, or of the private key, in a PEM file. */
function keyOf(bytes: Uint8Array, path: string, kind: 'certificate' | 'private-key'): string {
  const document = inspectBytes(bytes, {
    now: new Date(0),
    sha256: (data) => Buffer.from(sha256Hex(data), 'hex'),
    verifySignature: () => false,
    publicKeyOf,
    source: path,
  });
  const subjects = [document, ...(document.others ?? [])].flatMap((one) =>
    one.kind === 'chain'
      ? one.certificates.slice(0, 1).map((own) => ({ ...own, kind: 'certificate' as const }))
      : [one],
  );
  const found = subjects.find((one) => one.kind === kind);
  if (found?.kind === 'private-key' && found.encrypted)
    throw new ClusterCaError('ERR_CONFIG', `the key ${path} is encrypted`, {
      hint: 'give one that is not: openssl pkey -in KEY -out PLAIN',
    });
  if (bytes[0] === 0x30 || found === undefined || !('spkiSha256' in found) || found.spkiSha256 === undefined)
    throw new ClusterCaError(
      'ERR_CONFIG',
      `${path} holds no ${kind === 'certificate' ? 'certificate' : 'private key that loads'} in PEM`,
    );
  return found.spkiSha256;
}
