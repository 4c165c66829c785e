import type { Context } from '../../context.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { rolloverDocument } from '../../rollover/document.ts';
import type { PlannedIssuing } from '../../rollover/new-issuing.ts';
import { renderRollover } from '../../rollover/render.ts';
import type { Style } from '../../ui/text/style.ts';

/** What was made, or would be, and what comes next. @param more what the document has besides, and lines in front */
export function printIssuing(
  ctx: Context,
  keystore: Keystore,
  plan: PlannedIssuing,
  more: { dryRun?: true; recorded?: boolean; lines?: (style: Style) => string[]; document?: object } = {},
): void {
  const { id, subject, domains, permitIp } = plan;
  const ranges = permitIp.length === 0 ? 'no address' : permitIp.join(' ');
  const names = `names in ${domains.join(' ')} localhost, ${ranges}`;
  const what =
    more.recorded === false ? `${id} is recorded already` : `${more.dryRun ? 'make' : 'made'} ${id}: ${names}`;
  // What was said of the services, and of who was left out, is of a rollover that is over.
  const { emergency: _, ...last } = rolloverDocument(keystore.state);
  const state = { ...last, services: [], excluded: [], confirmed: [] };
  const document = {
    ...state,
    issuing: { id, subject, domains, permitIp },
    steps: [{ phase: state.phase, what }],
    // Who checks CRLs refuses certificates of an issuing CA whose CRL it has not: that goes out first.
    next: 'cluster-ca deploy --inventory cluster.yaml, for the new CRL; then cluster-ca rotate --all --deploy --inventory cluster.yaml',
    ...(more.dryRun ? { dryRun: true } : {}),
    ...(more.recorded === undefined ? {} : { recorded: more.recorded }),
    ...more.document,
  };
  ctx.ui.result(document, (style) =>
    [...(more.lines?.(style) ?? []), renderRollover(document, style, ctx.now())].join('\n'),
  );
}
