import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { LocalHost } from '../../src/hosts/local-host.ts';
import { parseInventory } from '../../src/inventory/read.ts';
import { inventoryServices, type ServiceKind } from '../../src/inventory/services.ts';
import { targetOf } from '../../src/targets/index.ts';
import type { Abilities, Problem, Refusal, ServiceFiles, Session } from '../../src/targets/target.ts';
import { material } from '../support/tls.ts';

/** As in a run of the command line: one for all its sessions. */
const HOST = new LocalHost();

export interface Described {
  kind: ServiceKind;
  address?: string;
  dir: string;
  /** `reload` as it stands in cluster.yaml, in YAML's flow style. */
  reload?: string;
  /** Where the files of the client are that the session speaks with. */
  client: string;
  /** Milliseconds that a step may take. */
  timeout?: number;
}

export interface Opened {
  session: Session;
  abilities: Abilities;
  files: ServiceFiles;
  /** What it has warned of so far. */
  warnings: string[];
}

export function filesIn(dir: string): ServiceFiles {
  const [certificate, key, trustBundle, crl, combined] = ['cert', 'key', 'ca', 'crl', 'combined'].map((name) =>
    join(dir, `${name}.pem`),
  ) as [string, string, string, string, string];
  return { certificate, key, trustBundle, crl, combined };
}

/** A session with a service on this host, out of an inventory as the command line reads it. */
export async function openSession(of: Described): Promise<Opened> {
  const { kind, address, dir, reload = '{}', timeout = 10_000 } = of;
  const where = address === undefined ? '' : `address: "${address}", `;
  const yaml = `cluster: orders\nnodes:\n  n1:\n    planes: [data]\n    services: [{ kind: ${kind}, ${where}dir: ${dir}, reload: ${reload} }]\n`;
  const [service] = inventoryServices(parseInventory(yaml, 'cluster.yaml'), ['control', 'data']);
  const target = targetOf(kind);
  if (service === undefined || target === undefined) throw new Error(`no ${kind}`);
  const options = target.options.parse(service.reload);
  const client = await material(of.client);
  const warnings: string[] = [];
  const session = target.open({
    service,
    options,
    host: HOST,
    files: filesIn(dir),
    client,
    judge: async (chain) => judge(chain, client.ca),
    timeout,
    warn: (message) => warnings.push(message),
  });
  return { session, abilities: target.abilities(options), files: filesIn(dir), warnings };
}

/** What its schema says of a `reload`; undefined when it takes it. */
export function refusalOf(kind: ServiceKind, reload: unknown): string | undefined {
  return targetOf(kind)?.options.safeParse(reload).error?.issues[0]?.message;
}

/** Whether a chain of an end-entity certificate and its issuing CA leads to the root. */
function judge(chain: readonly Uint8Array[], root: Buffer): Refusal | undefined {
  const [own, issuing] = chain.map((der) => new X509Certificate(der));
  const anchor = new X509Certificate(root);
  const good = own !== undefined && issuing?.verify(anchor.publicKey) && own.verify(issuing.publicKey);
  return good ? undefined : { message: 'it is of another CA' };
}

export function messages(problems: readonly Problem[]): string {
  return problems.map(({ message, hint }) => `${message} | ${hint}`).join('\n');
}
