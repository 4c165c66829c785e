import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const CLUSTER_CA = fileURLToPath(new URL('../bin/cluster-ca', import.meta.url));

/** Runs cluster-ca as an operator would, and gives back the document of `--json`. Its failure ends the demo. */
export function clusterCa(args: string[], env: Record<string, string>): Record<string, unknown> {
  const environment = { PATH: process.env.PATH ?? '', HOME: env.XDG_DATA_HOME as string, ...env };
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLUSTER_CA, ...args, '--json'], {
    encoding: 'utf8',
    env: environment,
  });
  if (status !== 0) throw new Error(`cluster-ca ${args.join(' ')} exited ${status}: ${stderr}`);
  return stdout === '' ? {} : (JSON.parse(stdout) as Record<string, unknown>);
}
