import { ClusterCaError } from '../errors.ts';
import { checkNamespace, checkSecretName } from './kubernetes.ts';

export const FORMATS = ['pem', 'p12', 'k8s-secret', 'bundle', 'crl'] as const;

export interface ExportOptions {
  format: (typeof FORMATS)[number];
  from?: string;
  plane?: string;
  out?: string;
  namespace?: string;
  secretName?: string;
  exportPasswordFd?: string;
  exportPasswordFile?: string;
  exportPasswordCommand?: string;
  dryRun?: boolean;
}

/** True when the result holds a private key. */
export function holdsKey({ format, from }: ExportOptions): boolean {
  return format === 'p12' || format === 'k8s-secret' || (format === 'pem' && from !== undefined);
}

/** Holds the words against each other, before anything is opened. @throws ERR_USAGE */
export function checkExport(node: string | undefined, options: ExportOptions): void {
  const { format, from, plane, out } = options;
  if (format === 'bundle' && node !== undefined)
    throw usage('the trust bundle is the same for every node', 'cluster-ca export --format bundle');
  if (node === undefined && format !== 'bundle' && format !== 'crl')
    throw usage(`which node? --format ${format} is of one`, `cluster-ca export NODE --format ${format}`);
  if (node === undefined && plane !== undefined) throw usage('--plane goes with a NODE');
  if (from !== undefined && !holdsKey(options))
    throw usage(`--format ${format} holds no key: --from does not go with it`);
  for (const [flag, given, only] of [
    ['--namespace', options.namespace, 'k8s-secret'],
    ['--secret-name', options.secretName, 'k8s-secret'],
    ['--export-password-fd', options.exportPasswordFd, 'p12'],
    ['--export-password-file', options.exportPasswordFile, 'p12'],
    ['--export-password-command', options.exportPasswordCommand, 'p12'],
  ] as const)
    if (given !== undefined && format !== only) throw usage(`${flag} goes with --format ${only}`);
  if (options.namespace !== undefined) checkNamespace(options.namespace);
  if (options.secretName !== undefined) checkSecretName(options.secretName);
  if (holdsKey(options) && (out === undefined || out === '-'))
    throw usage('what holds a private key is never printed', 'write it to a file: --out FILE');
}

function usage(message: string, hint?: string): ClusterCaError {
  return new ClusterCaError('ERR_USAGE', message, { hint });
}
