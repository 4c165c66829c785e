import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

// Every command of this version, for what holds of all of them.

/** A successful run of each, in an order in which each succeeds; `{out}` and `{dir}` are put in by `words`. */
export const RUNS: [name: string, args: string[]][] = [
  ['issue', ['issue', 'every-1', '--plane', 'data']],
  ['issue --client', ['issue', '--client', 'every-app']],
  ['issue, unchanged', ['issue', 'every-1', '--plane', 'data']],
  ['request', ['request', 'every-2', '--plane', 'data', '--out', '{dir}/requests']],
  ['issue --csr-dir', ['issue', '--csr-dir', '{dir}/requests']],
  ['issue --csr', ['issue', 'every-3', '--plane', 'data', '--csr', '{dir}/requests/every-2/data/request.pem']],
  ['rotate', ['rotate', 'every-1']],
  ['rotate --due', ['rotate', '--due']],
  ['deploy', ['deploy', '--inventory', '{dir}/services.yaml', '--from', '{out}', '--yes']],
  ['list', ['list']],
  ['list --all', ['list', '--all']],
  ['status', ['status']],
  ['inspect a certificate', ['inspect', '{out}/every-1/data/cert.pem']],
  ['inspect a key', ['inspect', '{out}/every-1/data/key.pem']],
  ['inspect a node', ['inspect', 'every-1']],
  ['inspect two', ['inspect', '{out}/every-1/data/cert.pem', '{out}/clients/every-app/cert.pem']],
  ['verify', ['verify', '{out}/every-1/data/cert.pem']],
  ['verify a node', ['verify', 'every-1']],
  ['revoke', ['revoke', 'every-3', '--yes']],
  ['revoke again', ['revoke', 'every-3', '--yes']],
  ['crl', ['crl']],
  ['crl --out', ['crl', '--out', '{dir}/crl.pem']],
  ['crl --renew', ['crl', '--renew']],
  ['export', ['export', 'every-1', '--out', '{dir}/chain.pem']],
  ['export the bundle', ['export', '--format', 'bundle']],
  ['audit verify', ['audit', 'verify']],
  ['keystore check', ['keystore', 'check']],
  ['keystore slot add', ['keystore', 'slot', 'add', 'every', '--new-key-file', '{dir}/every.key']],
  ['keystore slot list', ['keystore', 'slot', 'list']],
  ['keystore slot remove', ['keystore', 'slot', 'remove', 'every']],
  ['join-token', ['join-token', 'every-4', '--plane', 'data']],
  ['keystore rewrap', ['keystore', 'rewrap', '--confirm', 'orders']],
  ['trust list', ['trust', 'list']],
  ['rollover start --issuing', ['rollover', 'start', '--issuing', '--domain', 'every.internal', '--yes']],
  ['rollover start', ['rollover', 'start', '--yes']],
  ['rollover status', ['rollover', 'status']],
  ['rollover plan', ['rollover', 'plan', '--inventory', '{dir}/services.yaml']],
  ['rollover rollback', ['rollover', 'rollback', '--inventory', '{dir}/services.yaml', '--yes']],
  ['completion', ['completion', 'bash']],
];

export function words(args: string[], places: { out: string; directory: string }): string[] {
  if (args.some((word) => word.endsWith('services.yaml')))
    writeFileSync(join(places.directory, 'services.yaml'), servicesYaml(places.directory));
  return args.map((word) => word.replace('{out}', places.out).replace('{dir}', places.directory));
}

/** A node with a directory for its files, where no server is. */
const servicesYaml = (directory: string): string => `
cluster: orders
nodes:
  every-1: { planes: [data], services: [{ kind: files, dir: ${directory}/served }] }
`;

/** Verbs with the sub-verbs that they have. */
export const VERBS = [
  'init',
  'issue',
  'request',
  'rotate',
  'deploy',
  'revoke',
  'crl',
  'list',
  'status',
  'inspect',
  'verify',
  'export',
  'audit verify',
  'audit export',
  'audit checkpoint',
  'audit prove',
  'keystore check',
  'keystore passphrase',
  'keystore backup',
  'keystore restore',
  'keystore rewrap',
  'keystore slot add',
  'keystore slot list',
  'keystore slot remove',
  'rollover start',
  'rollover status',
  'rollover plan',
  'rollover advance',
  'rollover run',
  'rollover rollback',
  'rollover confirm',
  'trust add',
  'trust list',
  'trust remove',
  'serve',
  'join-token',
  'enroll',
  'agent',
  'completion',
].map((verb) => verb.split(' '));
