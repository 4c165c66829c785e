import { resolve } from 'node:path';
import { Command } from 'commander';
import type { Context } from '../context.ts';
import { ClusterCaError } from '../errors.ts';
import { checkKeyType } from '../issuance/build-items.ts';
import { enroll } from '../joining/enroll.ts';
import { decodeToken } from '../joining/token.ts';
import { fileAccess } from '../placement/access.ts';
import { parseServerUrl } from '../remote/server-url.ts';
import { readSecretFile } from '../secrets/read-source.ts';
import { safeText } from '../ui/text/safe.ts';
import { dryRun, withPlacement } from './options.ts';

interface EnrollOptions {
  server?: string;
  tokenFile?: string;
  out?: string;
  keyType?: string;
  owner?: string;
  keyMode?: string;
  dryRun?: boolean;
}

export function enrollCommand(ctx: Context, run = runEnroll): Command {
  const command = new Command('enroll')
    .summary('on a new node: make keys and get its first certificates for a join token')
    .option('--server <url>', 'the daemon: https://HOST:PORT')
    .option('--token-file <path>', 'read the join token from this file; - is standard input')
    .option('--key-type <type>', 'ecdsa-p256 (default), ecdsa-p384, rsa-2048, rsa-3072, rsa-4096 or ed25519');
  return dryRun(withPlacement(command, '{cert,key,ca}', 'key')).action((options) => run(ctx, options));
}

export async function runEnroll(ctx: Context, options: EnrollOptions): Promise<void> {
  const { server: url, tokenFile } = options;
  if (url === undefined || tokenFile === undefined)
    throw new ClusterCaError('ERR_USAGE', `${url === undefined ? '--server' : '--token-file'} is missing`, {
      hint: 'cluster-ca enroll --server https://HOST:8443 --token-file FILE --out DIR',
    });
  const server = parseServerUrl(url);
  const keyType = checkKeyType(options.keyType, 'ecdsa-p256');
  const access = fileAccess(options);
  const out = resolve(ctx.cwd, options.out ?? '.');
  const token = new TextDecoder().decode(
    readSecretFile(tokenFile === '-' ? '-' : resolve(ctx.cwd, tokenFile), 'token file'),
  );
  const content = decodeToken(token);
  const { node, cluster, planes } = content;
  if (options.dryRun) {
    ctx.ui.result(
      { node, cluster, planes, dryRun: true },
      () => `would make keys for ${node} (${planes.join(', ')}) below ${safeText(out)} and have them certified`,
    );
    return;
  }
  const certificates = await enroll({ server, token, content, out, keyType, access, now: ctx.now() });
  ctx.ui.result({ node, cluster, certificates }, () =>
    [
      ...certificates.map(
        ({ plane, files, notAfter }) => `wrote ${safeText(files.certificate)} (${plane}, until ${notAfter})`,
      ),
      `next: cluster-ca agent --server ${url} --node ${node} --config FILE --out ${safeText(out)}`,
    ].join('\n'),
  );
}
