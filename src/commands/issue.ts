import { resolve } from 'node:path';
import { Command } from 'commander';
import { type Context, openKeystoreToWrite } from '../context.ts';
import { ClusterCaError } from '../errors.ts';
import { inventoryJsonSchema } from '../inventory/json-schema.ts';
import { buildItems, type IssueFlags } from '../issuance/build-items.ts';
import { checkClientName, checkNodeName } from '../issuance/names.ts';
import { renderIssue } from '../issuance/render.ts';
import { checkRequestId, requestHash } from '../issuance/request-hash.ts';
import type { IssueResult } from '../issuance/result.ts';
import { checkItems, failureOf, type Issuance, planIssuance, runIssuance } from '../issuance/run.ts';
import { newRequestId } from '../keystore/request-id.ts';
import { REVOCATION_REASONS, type RevocationReason } from '../pki/revocation-reason.ts';
import { fileAccess } from '../placement/access.ts';
import { beginUnlock, type UnlockOptions } from '../unlocking.ts';
import { choice, dryRun, duration, repeatable, withPassphrase, withPlacement } from './options.ts';

export interface IssueOptions extends UnlockOptions, IssueFlags {
  out?: string;
  owner?: string;
  keyMode?: string;
  requestId?: string;
  forceNew?: boolean;
  revokePrevious?: RevocationReason;
  dryRun?: boolean;
  inventorySchema?: boolean;
}

export function issueCommand(ctx: Context, run = runIssue): Command {
  const command = new Command('issue')
    .summary('issue certificates to nodes and clients')
    .argument('[names...]', 'nodes; with --client, clients')
    .addOption(repeatable('--plane <plane>', 'for this plane only (default: every plane of the cluster)'))
    .addOption(repeatable('--dns <name>', 'a DNS name, instead of NODE.DOMAIN'))
    .addOption(repeatable('--ip <address>', 'an IP address'))
    .addOption(duration('--lifetime <duration>', "instead of the cluster's node lifetime"))
    .option('--profile <profile>', 'peer (server and client, the default), server or client')
    .option('--key-type <type>', 'ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096 or ed25519')
    .option('--csr <file>', 'certify the key of this certification request')
    .option('--csr-dir <dir>', 'certify every DIR/NODE/PLANE/request.pem, and write beside it')
    .option('--client', 'every name is a client: an application, a scraper, a person')
    .option('--role <role>', 'with --client: a user of the REST API, operator or auditor')
    .option('--inventory <file>', 'issue for everything in cluster.yaml')
    .option('--inventory-schema', 'print the JSON Schema of cluster.yaml, and issue nothing')
    .option('--request-id <id>', 'make the same request again without issuing twice')
    .option('--force-new', 'issue even where a good certificate is there')
    .addOption(choice('--revoke-previous <reason>', 'revoke what the new certificates replace', REVOCATION_REASONS));
  return dryRun(withPassphrase(withPlacement(command, '{cert,key,ca}', 'files'))).action((names, options) =>
    run(ctx, names, options),
  );
}

export async function runIssue(ctx: Context, names: string[], options: IssueOptions): Promise<void> {
  if (options.inventorySchema) return printInventorySchema(ctx, names);
  const access = fileAccess(options);
  const requestId = options.requestId === undefined ? newRequestId() : checkRequestId(options.requestId);
  if (options.client && names.length === 0) throw new ClusterCaError('ERR_USAGE', 'which client?');
  if (options.inventory === undefined && options.csrDir === undefined)
    for (const name of names) (options.client ? checkClientName : checkNodeName)(name);
  const keystore = await openKeystoreToWrite(ctx);
  const inventory =
    options.inventory ??
    (names.length === 0 && options.csrDir === undefined ? ctx.env.CLUSTER_CA_INVENTORY : undefined);
  if (inventory !== undefined && !options.dryRun) await beginUnlock(ctx, keystore, options);
  const items = buildItems(names, { ...options, inventory }, keystore);
  const out = options.out ?? options.csrDir ?? (options.csr === undefined ? '.' : undefined);
  const issuance: Issuance = {
    items,
    out: out && resolve(ctx.cwd, out),
    access,
    requestId,
    requestHash: requestHash(items),
    forceNew: options.forceNew ?? false,
    skipRevoked: inventory !== undefined && names.length === 0,
    partial: inventory !== undefined || options.csrDir !== undefined,
    unlock: options,
    revokePrevious: options.revokePrevious,
  };
  checkItems(items, keystore, ctx.now());
  if (options.dryRun) {
    const plan = await planIssuance(keystore, issuance, ctx.now());
    ctx.ui.result(plan, (style) => renderIssue(plan, style));
    return;
  }
  const result = await runIssuance(ctx, keystore, issuance);
  printIssue(ctx, result, issuance.out);
}

function printInventorySchema(ctx: Context, names: string[]): void {
  if (names.length > 0) throw new ClusterCaError('ERR_USAGE', '--inventory-schema stands alone');
  const schema = inventoryJsonSchema();
  ctx.ui.result({ schema }, () => JSON.stringify(schema, null, 2));
}

/** Prints the result; a certification request without --out gets its chain on stdout. @throws what `failureOf` says */
export function printIssue(ctx: Context, result: IssueResult, out: string | undefined): void {
  const failure = failureOf(result);
  if (failure !== undefined && failure.code !== 'ERR_PARTIAL') throw failure;
  ctx.ui.result(result, (style) => (out === undefined ? chains(result) : renderIssue(result, style)));
  if (failure !== undefined) throw failure;
}

function chains({ certificates, unchanged }: IssueResult): string {
  return [...certificates, ...unchanged].map(({ pem = '' }) => pem).join('');
}
