import { existsSync, readdirSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { ClusterCaError } from '../errors.ts';

export interface Location {
  /** `--keystore`, or its variable. */
  keystore: string | undefined;
  /** `--cluster`. */
  cluster: string | undefined;
  env: Record<string, string | undefined>;
  cwd: string;
}

/** Where keystores are by default: `$XDG_DATA_HOME/cluster-ca`. @throws ERR_USAGE without a home directory */
export function keystoreHome(env: Record<string, string | undefined>): string {
  const data = env.XDG_DATA_HOME;
  if (data !== undefined && isAbsolute(data)) return join(data, 'cluster-ca');
  const home = env.HOME ?? '';
  if (home === '')
    throw new ClusterCaError('ERR_USAGE', 'there is no home directory to look for keystores in', {
      hint: 'name the keystore with --keystore DIR',
    });
  return join(home, '.local', 'share', 'cluster-ca');
}

/** The place of a new keystore. */
export function newKeystoreLocation(location: Location, cluster: string): string {
  return location.keystore === undefined
    ? join(keystoreHome(location.env), cluster)
    : resolve(location.cwd, location.keystore);
}

/**
 * The keystore meant: the one named, the cluster's, or the only one there is.
 * @throws ERR_USAGE when there are several; ERR_KEYSTORE_ABSENT when there is none
 */
export function locateKeystore(location: Location): string {
  if (location.keystore !== undefined) return resolve(location.cwd, location.keystore);
  const home = keystoreHome(location.env);
  if (location.cluster !== undefined) return join(home, location.cluster);
  const found = existsSync(home)
    ? readdirSync(home)
        .filter((name) => !name.startsWith('.') && existsSync(join(home, name, 'KEYSTORE')))
        .sort()
    : [];
  if (found.length > 1)
    throw new ClusterCaError('ERR_USAGE', `there are several keystores in ${home}: ${found.join(', ')}`, {
      hint: `name one with --cluster ${found[0]}, or with --keystore DIR`,
      details: { keystores: found.map((name) => join(home, name)) },
    });
  if (found[0] !== undefined) return join(home, found[0]);
  throw new ClusterCaError('ERR_KEYSTORE_ABSENT', `there is no keystore in ${home}`, {
    hint: 'make one with: cluster-ca init CLUSTER, or name it with --keystore DIR',
  });
}
