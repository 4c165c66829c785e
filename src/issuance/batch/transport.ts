import type { WorkerRequest } from './messages.ts';
import type { SliceItem } from './slice.ts';

type MakeRequest = WorkerRequest & { type: 'make' };

/** A request as it is sent to a thread: the items of a slice as JSON, which costs a third of cloning as many objects. */
export type SentRequest =
  | Exclude<WorkerRequest, MakeRequest>
  | { type: 'make'; id: number; json: string; publicKeys: (Uint8Array | undefined)[] | undefined };

export function pack(request: WorkerRequest): SentRequest {
  if (request.type !== 'make') return request;
  const { type, id, items } = request;
  if (items.every(({ publicKey }) => publicKey === undefined))
    return { type, id, json: JSON.stringify(items), publicKeys: undefined };
  const json = JSON.stringify(items.map((item) => ({ ...item, publicKey: undefined })));
  return { type, id, json, publicKeys: items.map(({ publicKey }) => publicKey) };
}

export function unpack(sent: SentRequest): WorkerRequest {
  if (sent.type !== 'make') return sent;
  const { type, id, json, publicKeys } = sent;
  const items = JSON.parse(json) as SliceItem[];
  return {
    type,
    id,
    items: publicKeys === undefined ? items : items.map((item, i) => ({ ...item, publicKey: publicKeys[i] })),
  };
}
