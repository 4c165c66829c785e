/** Where a certificate stands on a path. */
export type Position = 'target' | 'intermediate' | 'anchor';
