import type * as z from 'zod';
import type { Access } from './authorize.ts';
import type { Caller } from './caller.ts';

/** What a handler is given: everything validated by the route's schemas. */
export interface Call<P, Q, H, B> {
  params: P;
  query: Q;
  headers: H;
  body: B;
  /** Undefined on the plain listener alone. */
  caller: Caller | undefined;
  /** Resolves when nobody listens any more. */
  gone: Promise<void>;
}

export interface Reply {
  status?: number;
  /** An object is sent as JSON; text and octets as they are. */
  body: object | string | Uint8Array;
  /** The media type of what is not JSON. */
  type?: string;
  headers?: Record<string, string>;
}

export interface Answer {
  description: string;
  schema?: z.ZodType;
  /** Default: application/json. */
  type?: string;
}

/** One route: what the server does, and what the OpenAPI document says of it, from the same schemas. */
export interface Route {
  id: string;
  method: 'GET' | 'POST' | 'PUT';
  /** As OpenAPI writes it: `/v1/nodes/{node}/certificates`. */
  path: string;
  summary: string;
  description?: string;
  access: Access;
  params?: z.ZodType;
  query?: z.ZodType;
  headers?: z.ZodType;
  body?: z.ZodType;
  answers: Record<number, Answer>;
  handle: (call: Call<unknown, unknown, unknown, unknown>) => Promise<Reply>;
}

type Out<S> = S extends z.ZodType ? z.output<S> : undefined;

/** A route whose handler has the types of its schemas. */
export function route<
  P extends z.ZodType | undefined = undefined,
  Q extends z.ZodType | undefined = undefined,
  H extends z.ZodType | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
>(
  definition: Omit<Route, 'params' | 'query' | 'headers' | 'body' | 'handle'> & {
    params?: P;
    query?: Q;
    headers?: H;
    body?: B;
    handle: (call: Call<Out<P>, Out<Q>, Out<H>, Out<B>>) => Promise<Reply>;
  },
): Route {
  return definition as unknown as Route;
}
