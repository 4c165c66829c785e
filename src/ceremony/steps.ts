import { ClusterCaError } from '../errors.ts';
import type { CeremonyOptions } from './options.ts';

/** Which step of a ceremony a command was told to take; undefined: none. @throws ERR_USAGE for several at once */
export function ceremonyStep({
  request,
  sign,
  accept,
  out,
  dryRun,
}: CeremonyOptions): 'request' | 'sign' | 'accept' | undefined {
  const steps = Object.entries({ request, sign, accept }).flatMap(([step, file]) =>
    file === undefined ? [] : [step as 'request' | 'sign' | 'accept'],
  );
  if (steps.length > 1) throw new ClusterCaError('ERR_USAGE', '--request, --sign and --accept are steps of their own');
  const [step] = steps;
  if (step === 'request' && dryRun)
    throw new ClusterCaError('ERR_USAGE', '--request has no --dry-run: it changes nothing');
  if (step === 'accept' && out !== undefined) throw new ClusterCaError('ERR_USAGE', '--out goes with --sign');
  return step;
}
