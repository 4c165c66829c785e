import { selectUnits } from '../deployment/select.ts';
import type { Unit } from '../deployment/unit.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { type Inventory, notAsSchema, readText } from '../inventory/read.ts';
import { agentConfigSchema } from '../inventory/schema.ts';
import { readYaml } from '../inventory/yaml-document.ts';
import type { KeyType } from '../pki/x509/algorithm.ts';

/** What an agent's file says. */
export interface AgentConfig {
  planes: string[] | undefined;
  keyType: KeyType | undefined;
  /** The directories that are given files, and the services that read them. */
  units: (planes: readonly string[]) => Promise<Unit[]>;
}

/**
 * Reads an agent's file: the services of one node, as cluster.yaml has them in the node's entry.
 * @throws ERR_CONFIG with line and column
 */
export function readAgentConfig(path: string, node: string): AgentConfig {
  const { document, at } = readDocument(path);
  const { planes, keyType, services = [] } = document;
  const inventory: Inventory = {
    path,
    document: { cluster: '', nodes: { [node]: { planes, services } } },
    // What stands under `nodes.NODE` in an inventory stands alone here.
    at: (...keys) => at(...keys.slice(2)),
  };
  return {
    planes,
    keyType: keyType as KeyType | undefined,
    units: async (own) => (await selectUnits(inventory, own, [])).all,
  };
}

function readDocument(path: string) {
  try {
    const { value, at } = readYaml(readText(path, 'configuration'), path);
    const parsed = agentConfigSchema.safeParse(value === '' || value === null ? {} : value);
    if (!parsed.success) throw notAsSchema(parsed.error.issues[0], at);
    return { document: parsed.data, at };
  } catch (cause) {
    if (!isClusterCaError(cause, 'ERR_CONFIG')) throw cause;
    const hint = 'cluster-ca agent --config-schema prints what may stand there';
    throw new ClusterCaError('ERR_CONFIG', cause.message, { hint, cause });
  }
}
