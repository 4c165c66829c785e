import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';

/** Where a path leads: symbolic links followed, as far as it exists. */
function realPath(path: string): string {
  const rest: string[] = [];
  for (let at = resolve(path); ; at = dirname(at)) {
    try {
      return join(realpathSync(at), ...rest);
    } catch {
      if (at === dirname(at)) return resolve(path);
      rest.unshift(basename(at));
    }
  }
}

/** Whether a path leads to a directory, or to a place below it, by whatever links. Neither has to be there. */
export function isInside(path: string, directory: string): boolean {
  const [inner, outer] = [realPath(path), realPath(directory)].map((one) => (one.endsWith(sep) ? one : one + sep));
  return (inner as string).startsWith(outer as string);
}
