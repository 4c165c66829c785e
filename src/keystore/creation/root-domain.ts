import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { layout } from '../directory/layout.ts';
import { decodeIdentity, type Identity } from '../identity.ts';

// A root domain that is kept elsewhere: KEYSTORE, slots/ and sealed/, and no log.

/** Whether a directory holds a root domain and nothing more. */
export function isRootDomain(directory: string): boolean {
  return existsSync(layout.identity(directory)) && !existsSync(join(directory, 'log'));
}

/** The identity in a directory; undefined where there is none that can be read. */
export function readIdentityAt(directory: string): Identity | undefined {
  try {
    return decodeIdentity(readFileSync(layout.identity(directory)));
  } catch {
    return undefined;
  }
}

/** Whether two root domains are the same, file by file. */
export function isSameRoot(a: string, b: string): boolean {
  const [of, other] = [content(a), content(b)];
  return (
    of !== undefined &&
    other !== undefined &&
    of.size === other.size &&
    [...of].every(([name, bytes]) => other.get(name)?.equals(bytes))
  );
}

function content(directory: string): Map<string, Buffer> | undefined {
  try {
    const names = ['slots', 'sealed'].flatMap((family) =>
      readdirSync(join(directory, family)).map((name) => join(family, name)),
    );
    return new Map(['KEYSTORE', ...names].map((name) => [name, readFileSync(join(directory, name))]));
  } catch {
    return undefined;
  }
}
