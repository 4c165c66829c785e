import { materialOf } from '../../deployment/material.ts';
import { findKey } from '../../deployment/new-files.ts';
import { ServiceDirectory } from '../../deployment/service-directory.ts';
import type { Unit } from '../../deployment/unit.ts';
import { isClusterCaError } from '../../errors.ts';
import type { Hosts } from '../../hosts/hosts.ts';
import type { Keystore } from '../../keystore/keystore.ts';

/**
 * Whether the key of a unit's newest certificate is gone: neither kept until its services have it, nor in their directory.
 * Then the certificate is of no use, and another takes its place. What cannot be seen is not gone.
 * @param from the directory that keeps new keys until they are deployed
 */
export async function isKeyGone(
  keystore: Keystore,
  unit: Unit,
  hosts: Hosts,
  from: string,
  now: Date,
): Promise<boolean> {
  try {
    const material = await materialOf(keystore, unit, [from], now, { whatever: true });
    const directory = new ServiceDirectory(hosts.of(unit), unit.dir);
    const key = await findKey({ unit, directory, material }, await directory.look());
    key.fill(0);
    return false;
  } catch (error) {
    if (!isClusterCaError(error)) throw error;
    return error.code === 'ERR_NOT_FOUND';
  }
}
