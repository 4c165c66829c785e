import type { ServiceObject } from '../../deployment/document.ts';
import type { IssueItem } from '../../issuance/item.ts';

/** A node and plane, or a client, whose certificate is to be replaced where it is served. */
export interface Holding {
  kind: 'node' | 'client';
  name: string;
  plane: string;
}

/** What became of one. */
export interface RotationResult {
  kind: 'node' | 'client';
  node: string;
  plane?: string;
  /** `rotated`: its services have the new certificate, confirmed. `pending`: the daemon goes on trying. */
  state: 'rotated' | 'pending' | 'failed';
  /** Of the new certificate, where one was issued. */
  serial?: string;
  notAfter?: string;
  services: ServiceObject[];
  error?: { code: string; message: string; hint?: string };
}

export interface RotationRequest {
  /** To be given new certificates. */
  items: IssueItem[];
  /** To be deployed to again: the last run for them is not done, their certificate is not due. */
  undone?: readonly Holding[];
  requestId: string;
  requestHash: string;
  /** Nodes at the same time, 1 or more. Primaries never go with their replicas. */
  atOnce: number;
  onNodes: (nodes: readonly string[]) => void;
}

const DONE = ['confirmed', 'placed', 'unchanged'];

/** What the services of one holding come to: the first that failed, else the first that is not done, decides. */
export function settledState(services: readonly ServiceObject[]): Pick<RotationResult, 'state' | 'error'> {
  const broken =
    services.find(({ state }) => state === 'failed') ?? services.find(({ state }) => !DONE.includes(state));
  const state = broken === undefined ? 'rotated' : broken.state === 'failed' ? 'failed' : 'pending';
  const error = broken?.error;
  if (error === undefined) return { state };
  const { code, message, hint } = error;
  return { state, error: { code, message, ...(hint === undefined ? {} : { hint }) } };
}

export function identity({ kind, name, plane }: Holding) {
  return { kind, node: name, ...(plane === '' ? {} : { plane }) };
}
