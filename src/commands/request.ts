import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import type { Context } from '../context.ts';
import { ClusterCaError } from '../errors.ts';
import { checkKeyType } from '../issuance/build-items.ts';
import { checkDnsName, checkIpAddress, checkNodeName } from '../issuance/names.ts';
import { type GeneralName, ipName } from '../pki/x509/general-name.ts';
import { fileAccess } from '../placement/access.ts';
import { makeRequest } from '../requesting/request.ts';
import { safeText } from '../ui/text/safe.ts';
import { dryRun, repeatable, withPlacement } from './options.ts';

interface RequestOptions {
  out?: string;
  plane?: string[];
  dns?: string[];
  ip?: string[];
  keyType?: string;
  owner?: string;
  keyMode?: string;
  dryRun?: boolean;
}

export function requestCommand(ctx: Context, run = runRequest): Command {
  const command = new Command('request')
    .summary('on a node: make a key and a certification request')
    .argument('<node>', "the node's name")
    .addOption(repeatable('--plane <plane>', 'for this plane (default: control and data)'))
    .addOption(repeatable('--dns <name>', 'ask for this DNS name'))
    .addOption(repeatable('--ip <address>', 'ask for this IP address'))
    .option('--key-type <type>', 'ecdsa-p256 (default), ecdsa-p384, rsa-2048, rsa-3072, rsa-4096 or ed25519');
  return dryRun(withPlacement(command, '{key,request}', 'key')).action((node, options) => run(ctx, node, options));
}

export async function runRequest(ctx: Context, node: string, options: RequestOptions): Promise<void> {
  checkNodeName(node);
  const planes = [...new Set(options.plane ?? ['control', 'data'])];
  for (const plane of planes)
    if (!/^[a-z]([a-z0-9-]{0,14}[a-z0-9])?$/.test(plane))
      throw new ClusterCaError('ERR_USAGE', `not a plane: ${JSON.stringify(plane)}`);
  const names: GeneralName[] = [
    ...(options.dns ?? []).map((name): GeneralName => ({ type: 'dns', value: checkDnsName(name) })),
    ...(options.ip ?? []).map((address) => ipName(checkIpAddress(address))),
  ];
  const keyType = checkKeyType(options.keyType, 'ecdsa-p256');
  const access = fileAccess(options);
  const out = resolve(ctx.cwd, options.out ?? '.');
  const files = planes.flatMap((plane) => ['key.pem', 'request.pem'].map((file) => join(out, node, plane, file)));
  if (options.dryRun) {
    ctx.ui.result({ files, dryRun: true }, () => files.map((file) => `would write ${file}`).join('\n'));
    return;
  }
  const taken = files.find((file) => file.endsWith('key.pem') && existsSync(file));
  if (taken !== undefined)
    throw new ClusterCaError('ERR_EXISTS', `${taken} is there already: it is not overwritten`, {
      hint: 'move it away, or choose another --out',
    });
  for (const plane of planes) await makeRequest({ node, plane, names, keyType, out, access });
  ctx.ui.result(
    { files },
    () =>
      `${files.map((file) => `wrote ${safeText(file)}`).join('\n')}\nnext, where the keystore is: cluster-ca issue --csr-dir ${safeText(out)}`,
  );
}
