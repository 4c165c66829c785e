import { resolve } from 'node:path';
import { Command } from 'commander';
import { runAgent } from '../agent/run.ts';
import type { Context } from '../context.ts';
import { ClusterCaError } from '../errors.ts';
import { agentConfigJsonSchema } from '../inventory/json-schema.ts';
import { checkNodeName } from '../issuance/names.ts';
import { parseServerUrl } from '../remote/server-url.ts';

interface AgentOptions {
  server?: string;
  node?: string;
  config?: string;
  out?: string;
  configSchema?: boolean;
}

export function agentCommand(ctx: Context, run = runAgent): Command {
  return new Command('agent')
    .summary('on a node: renew its certificates, put them into its services, report')
    .option('--server <url>', 'the daemon: https://HOST:PORT')
    .option('--node <node>', "the node's name")
    .option('--config <file>', 'the services of the node, as cluster.yaml has them')
    .option('--out <dir>', 'where DIR/NODE/PLANE/{cert,key,ca}.pem are, as enroll wrote them (default: here)')
    .option('--config-schema', 'print the JSON Schema of the file, and do nothing')
    .action(async (options: AgentOptions) => {
      const { server, node, config, out } = options;
      if (options.configSchema) return printConfigSchema(ctx, options);
      for (const [flag, value] of Object.entries({ server, node, config }))
        if (value === undefined)
          throw new ClusterCaError('ERR_USAGE', `--${flag} is missing`, {
            hint: 'cluster-ca agent --server https://HOST:8443 --node NODE --config FILE --out DIR',
          });
      await run(ctx, {
        server: parseServerUrl(server as string),
        node: checkNodeName(node as string),
        config: resolve(ctx.cwd, config as string),
        out: resolve(ctx.cwd, out ?? '.'),
      });
    });
}

function printConfigSchema(ctx: Context, options: AgentOptions): void {
  if (Object.keys(options).length > 1) throw new ClusterCaError('ERR_USAGE', '--config-schema stands alone');
  const schema = agentConfigJsonSchema();
  ctx.ui.result({ schema }, () => JSON.stringify(schema, null, 2));
}
