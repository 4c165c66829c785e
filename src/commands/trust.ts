import { resolve } from 'node:path';
import { Command } from 'commander';
import { type Context, openKeystore, openKeystoreToWrite } from '../context.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { newRequestId } from '../keystore/request-id.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { anchorObject, isSelfSigned, NO_ANCHOR, readAnchors } from '../rollover/anchor-file.ts';
import {
  addAnchors,
  checkNewAnchors,
  findAnchor,
  removeAnchors,
  type TrustedObject,
  trustedAnchors,
} from '../trust/anchors.ts';
import { renderAnchors } from '../trust/render.ts';
import { openWriter, requireClock, type UnlockOptions } from '../unlocking.ts';
import { dryRun, withPassphrase } from './options.ts';

interface TrustOptions extends UnlockOptions {
  dryRun?: boolean;
}

const NEXT = 'cluster-ca deploy --inventory cluster.yaml';

export function trustCommand(ctx: Context): Command {
  const command = new Command('trust').summary('further anchors in the trust bundles that nodes are given');
  command.addCommand(
    withPassphrase(
      dryRun(
        new Command('add')
          .summary("let every node trust another CA's certificates too")
          .argument('<file>', "that CA's certificate, PEM or DER"),
      ),
    ).action((file, options) => runAdd(ctx, file, options)),
  );
  command.addCommand(new Command('list').summary('list what nodes are given to trust').action(() => runList(ctx)));
  command.addCommand(
    withPassphrase(
      dryRun(
        new Command('remove')
          .summary('take an added anchor out of the trust bundles')
          .argument('<fingerprint>', 'SHA-256 of its certificate, or the first eight digits or more'),
      ),
    ).action((fingerprint, options) => runRemove(ctx, fingerprint, options)),
  );
  return command;
}

async function runAdd(ctx: Context, file: string, options: TrustOptions): Promise<void> {
  const keystore = await openKeystoreToWrite(ctx);
  const now = ctx.now();
  const anchors = readAnchors(resolve(ctx.cwd, file), now);
  checkNewAnchors(keystore.state, anchors, now);
  const added = anchors.map(anchorObject);
  const names = added.map(({ subject }) => subject).join(', ');
  for (const certificate of anchors)
    if (!isSelfSigned(certificate)) {
      const { subject } = anchorObject(certificate);
      ctx.ui.warn(`${subject} is no root CA: ${NO_ANCHOR}; add the root that it leads to`);
    }
  if (!options.dryRun) {
    const who = `every certificate that ${names} has issued, or will, is then accepted by every node, whatever its name`;
    await askPerson(ctx, `trust ${names}? ${who}`);
    await write(ctx, keystore, options, (writer) => addAnchors(writer, anchors, newRequestId()));
  }
  const fingerprints = new Set(added.map(({ fingerprint }) => fingerprint));
  print(ctx, keystore, options, { added }, (all, style) => [
    ...(options.dryRun
      ? [`would trust ${names}`]
      : renderAnchors(
          all.filter((one) => fingerprints.has(one.fingerprint)),
          style,
          now,
        )),
  ]);
}

async function runRemove(ctx: Context, word: string, options: TrustOptions): Promise<void> {
  const keystore = await openKeystoreToWrite(ctx);
  const found = findAnchor(keystore.state, word, ctx.now());
  if (!options.dryRun) {
    await askPerson(ctx, `trust ${found.subject} no more?`);
    await write(ctx, keystore, options, (writer) => removeAnchors(writer, [found.fingerprint], newRequestId()));
  }
  print(ctx, keystore, options, { removed: [found] }, () => [
    `${options.dryRun ? 'would remove' : 'removed'} ${found.subject}`,
  ]);
}

/** A person is asked. A script has said what it wants: cli.md, rule 6, does not have it say `--yes` here. */
function askPerson(ctx: Context, question: string): Promise<void> {
  return ctx.ui.confirm(question, ctx.globals.yes ?? !ctx.ui.interactive);
}

async function runList(ctx: Context): Promise<void> {
  const { state } = await openKeystore(ctx);
  const anchors = trustedAnchors(state, ctx.now());
  ctx.ui.result({ anchors }, (style) => renderAnchors(anchors, style, ctx.now()).join('\n'));
}

async function write(
  ctx: Context,
  keystore: Keystore,
  options: TrustOptions,
  work: (writer: KeystoreWriter) => Promise<void>,
): Promise<void> {
  await requireClock(ctx, keystore);
  const writer = await openWriter(ctx, keystore, options);
  try {
    await writer.inTurn(ctx.globals.wait, () => work(writer));
  } finally {
    writer.daily.close();
  }
}

function print(
  ctx: Context,
  keystore: Keystore,
  { dryRun }: TrustOptions,
  changed: object,
  lines: (all: TrustedObject[], style: Parameters<typeof renderAnchors>[1]) => string[],
): void {
  const anchors = trustedAnchors(keystore.state, ctx.now());
  ctx.ui.result({ anchors, ...changed, ...(dryRun ? { dryRun } : {}) }, (style) =>
    [...lines(anchors, style), ...(dryRun ? [] : [`next: ${style.accent(NEXT)}`])].join('\n'),
  );
}
