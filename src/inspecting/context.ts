import type { Context } from '../context.ts';
import { sha256 } from '../crypto/hash.ts';
import { publicKeyOf } from '../crypto/private-key-info.ts';
import { createVerifySignature } from '../crypto/verify-signature.ts';
import type { InspectionContext } from '../inspection/context.ts';
import type { Style } from '../ui/text/style.ts';

/** What `inspect` shows: the document, and its text. */
export interface Inspected {
  document: object;
  text: (style: Style) => string;
}

/** What inspecting a file of this name needs. */
export function inspectionContext(ctx: Context, source: string): InspectionContext {
  return {
    now: ctx.now(),
    sha256: (data) => sha256(data),
    verifySignature: createVerifySignature(),
    publicKeyOf,
    source,
  };
}
