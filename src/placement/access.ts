import { parseOwner } from './owner.ts';
import type { FileAccess } from './place.ts';

/** Who may read the files, from `--owner` and `--key-mode`. @throws ERR_USAGE */
export function fileAccess(options: { owner?: string; keyMode?: string }): FileAccess {
  return {
    keyMode: options.keyMode === undefined ? 0o600 : Number.parseInt(options.keyMode, 8),
    owner: options.owner === undefined ? undefined : parseOwner(options.owner),
  };
}
