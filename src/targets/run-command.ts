import { ClusterCaError } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import { safeText } from '../ui/text/safe.ts';

/**
 * Runs a command of the inventory on its host.
 * @throws ERR_REMOTE when it does not end with 0, with the last line that it printed; ERR_TIMEOUT
 */
export async function runCommand(host: Host, argv: readonly string[], timeout: number): Promise<string> {
  const { code, stdout, stderr } = await host.run(argv, { timeout });
  if (code === 0) return stdout;
  const said = (stderr.trim() === '' ? stdout : stderr).trim().split('\n').at(-1) ?? '';
  throw new ClusterCaError(
    'ERR_REMOTE',
    `${argv[0]} ${code === undefined ? 'was killed' : `ended with ${code}`} on ${host.label}${said === '' ? '' : `: ${safeText(said.slice(0, 200))}`}`,
    { hint: 'run it by hand there; it is the reload of this service in the inventory' },
  );
}
