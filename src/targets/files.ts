import * as z from 'zod';
import type { Target } from './target.ts';

/** Files that are placed and nothing more: whoever reads them knows when. */
export const filesTarget: Target<Record<string, never>> = {
  kind: 'files',
  options: z.strictObject({}),
  abilities: () => ({
    certificate: 'unknown',
    trust: 'unknown',
    crl: 'every-level',
    combined: false,
    connections: 'none',
  }),
  open: () => ({ preflight: async () => [], reload: async () => {}, close: async () => {} }),
};
