import { hmacSha256, sha256Hex } from '../../crypto/hash.ts';
import { ClusterCaError } from '../../errors.ts';
import type { WebhookConfiguration } from '../../inventory/alerts-schema.ts';
import { shellWords } from '../../ui/text/shell-words.ts';
import { formatTime } from '../../values/time.ts';
import { secretText, trustText } from './files.ts';
import { alertPayload } from './payload.ts';
import { post } from './post.ts';
import { type Resolver, systemResolver } from './resolve.ts';
import { type Batch, DEFAULT_SEVERITY, PATIENCE, type Sink } from './sink.ts';

/** Alerts in one message: the Standard Webhooks specification wants payloads of less than 20 kB. */
const IN_ONE = 25;
const PREFIX = 'whsec_';

/**
 * A webhook signed by the Standard Webhooks scheme (https://www.standardwebhooks.com): `webhook-id`,
 * `webhook-timestamp`, and `webhook-signature` over both and the body. A message that is sent again has the id that it
 * had, by which its receiver knows it.
 * @throws ERR_CONFIG, ERR_USAGE, ERR_KEYSTORE_PERMISSIONS for its files
 */
export function webhookSink(
  name: string,
  { url: address, secretFile, ca: caFile, minSeverity = DEFAULT_SEVERITY }: WebhookConfiguration,
  now: () => Date,
  resolver: Resolver = systemResolver,
): Sink {
  const keys = webhookKeys(secretText(secretFile, 'webhook secret file', makeSecret(secretFile)), secretFile);
  const ca = trustText(caFile);
  const url = new URL(address);
  return {
    name,
    minSeverity,
    forgets: false,
    patience: PATIENCE,
    async send({ cluster, at, transitions }: Batch, signal: AbortSignal) {
      for (let start = 0; start < transitions.length; start += IN_ONE) {
        const alerts = transitions.slice(start, start + IN_ONE).map(alertPayload);
        const body = JSON.stringify({
          type: 'cluster_ca.alerts',
          timestamp: formatTime(at),
          data: { schemaVersion: 1, cluster, alerts },
        });
        const id = `msg_${sha256Hex(Buffer.from(body)).slice(0, 32)}`;
        const timestamp = String(Math.floor(now().getTime() / 1000));
        const headers = {
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          'webhook-signature': signatures(keys, id, timestamp, body),
        };
        await post({ url, headers, body, ca, resolver, signal });
      }
    },
  };
}

/** `v1,BASE64` for each key, so that a secret can be replaced while both are known. */
function signatures(keys: readonly Uint8Array[], id: string, timestamp: string, body: string): string {
  const signed = Buffer.from(`${id}.${timestamp}.${body}`);
  return keys.map((key) => `v1,${Buffer.from(hmacSha256(key, signed)).toString('base64')}`).join(' ');
}

/** The command that makes a secret. */
function makeSecret(path: string): string {
  return `(umask 077; echo "${PREFIX}$(openssl rand -base64 32)" >${shellWords([path])})`;
}

/** One secret a line, `whsec_` and 24 to 64 octets in base64. */
function webhookKeys(text: string, path: string): Uint8Array[] {
  return text.split(/\s+/).map((line) => {
    const encoded = line.startsWith(PREFIX) ? line.slice(PREFIX.length) : '';
    const key = Buffer.from(encoded, 'base64');
    if (key.toString('base64') !== encoded || key.length < 24 || key.length > 64)
      throw new ClusterCaError(
        'ERR_CONFIG',
        `the webhook secret file ${path} has not whsec_ and 24 to 64 octets in base64`,
        { hint: makeSecret(path) },
      );
    return new Uint8Array(key);
  });
}
