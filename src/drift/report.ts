import type { FindingCode } from './codes.ts';

/** Adds a finding to the list. */
export type Report = (code: FindingCode, message: string, hint?: string) => void;
