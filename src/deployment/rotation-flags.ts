import { ClusterCaError } from '../errors.ts';
import { isArchive } from '../issuance/issue-fleet.ts';
import { holderDirectory } from '../placement/place.ts';
import type { Unit } from './unit.ts';

/** What `rotate` is told about deployment, and what does not go with it. */
interface RotationOptions {
  deploy?: boolean;
  maxUnavailable?: number;
  cycleConnections?: boolean;
  csrDir?: string;
  out?: string;
  owner?: string;
  keyMode?: string;
}

/** `--out` is written file by file; a live directory is replaced at once. @throws ERR_USAGE */
export function refuseLive(units: readonly Unit[], out: string): void {
  const live = units.find(
    ({ holder, plane, ssh, dir }) => ssh === undefined && holderDirectory(out, { ...holder, plane }) === dir,
  );
  if (live === undefined) return;
  throw new ClusterCaError('ERR_USAGE', `--out would write into ${live.dir}, which a service reads`, {
    hint: 'leave --out away: the keys go there by themselves; or say another directory',
  });
}

/** @throws ERR_USAGE for what says something only about `--deploy`, and for requests, whose keys are elsewhere */
export function checkDeployFlags(options: RotationOptions): void {
  const { deploy, maxUnavailable, cycleConnections, csrDir, out, owner, keyMode } = options;
  if (!deploy) {
    if (maxUnavailable === undefined && cycleConnections === undefined) return;
    throw new ClusterCaError(
      'ERR_USAGE',
      `${maxUnavailable === undefined ? '--cycle-connections' : '--max-unavailable'} goes with --deploy`,
    );
  }
  if (csrDir !== undefined)
    throw new ClusterCaError('ERR_USAGE', '--csr-dir and --deploy exclude each other: the keys are on the nodes', {
      hint: 'rotate with --csr-dir, then cluster-ca deploy --from DIR on the node',
    });
  if (out !== undefined && isArchive(out))
    throw new ClusterCaError('ERR_USAGE', '--deploy needs a directory, not an archive: --out DIR');
  if (out === undefined && (owner !== undefined || keyMode !== undefined))
    throw new ClusterCaError('ERR_USAGE', `${owner === undefined ? '--key-mode' : '--owner'} goes with --out`, {
      hint: "a service's files have the owner and the keyMode that the inventory says",
    });
}
