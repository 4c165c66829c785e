import { ClusterCaError } from '../errors.ts';
import type { Insecure, PathOptions } from '../pki/path/index.ts';

/** The flags of `verify` that path validation takes, as the command line hands them over. */
export interface PathFlags {
  name?: string[];
  purpose?: string[];
  maxDepth?: string;
  policy?: string[];
  requireExplicitPolicy?: boolean;
  inhibitPolicyMapping?: boolean;
  inhibitAnyPolicy?: boolean;
  strict?: boolean;
  insecureAllowSha1?: boolean;
  insecureAllowMd5?: boolean;
  insecureAllowSmallRsa?: boolean;
}

const OBJECT_IDENTIFIER = /^[0-2](\.\d+)+$/;

/** @throws ERR_USAGE */
export function readPathOptions(flags: PathFlags): PathOptions {
  const { name, purpose, policy, maxDepth } = flags;
  if (maxDepth !== undefined && !/^\d{1,3}$/.test(maxDepth))
    throw new ClusterCaError('ERR_USAGE', `--max-depth wants a number, not ${maxDepth}`);
  for (const one of purpose ?? [])
    if (!/^(server|client|any)$/.test(one) && !OBJECT_IDENTIFIER.test(one))
      throw new ClusterCaError('ERR_USAGE', `no such purpose: ${one}`, {
        hint: 'server, client, any or an object identifier',
      });
  for (const one of policy ?? [])
    if (!OBJECT_IDENTIFIER.test(one)) throw new ClusterCaError('ERR_USAGE', `not an object identifier: ${one}`);
  const allow = new Set<Insecure>();
  if (flags.insecureAllowSha1) allow.add('sha1');
  if (flags.insecureAllowMd5) allow.add('md5');
  if (flags.insecureAllowSmallRsa) allow.add('small-rsa');
  return {
    ...(name === undefined ? {} : { names: name }),
    ...(purpose === undefined ? {} : { purposes: purpose }),
    ...(maxDepth === undefined ? {} : { maxDepth: Number(maxDepth) }),
    ...(policy === undefined ? {} : { policies: policy }),
    requireExplicitPolicy: flags.requireExplicitPolicy ?? false,
    inhibitPolicyMapping: flags.inhibitPolicyMapping ?? false,
    inhibitAnyPolicy: flags.inhibitAnyPolicy ?? false,
    strict: flags.strict ?? false,
    allow,
  };
}
