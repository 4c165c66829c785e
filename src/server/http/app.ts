import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type * as z from 'zod';
import { type Access, authorize } from './authorize.ts';
import type { Caller } from './caller.ts';
import { LIMITS } from './limits.ts';
import { Problem, problemOf } from './problem.ts';
import type { Reply, Route } from './route.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
    /** The path as the routes have it, for the metrics. */
    path?: string;
  }
  interface FastifyRequest {
    caller: Caller | undefined;
  }
}

export interface AppOptions {
  server: Server;
  routes: readonly Route[];
  /** Who calls, from the certificate that the connection showed; undefined for the plain listener. */
  identify: ((der: Uint8Array) => Promise<Caller>) | undefined;
  /** Told of every answer. */
  answered: (request: { method: string; path: string; status: number; caller: string | undefined }) => void;
  /** Told of what was not expected. */
  bug: (error: unknown) => void;
}

/** The schemas of a request, as the validator is asked for them. */
const PARTS = { params: 'params', querystring: 'query', headers: 'headers', body: 'body' } as const;

/** Routes behind a listener: identified, authorized, validated, and every error a problem document. */
export async function createApp({ server, routes, identify, answered, bug }: AppOptions): Promise<FastifyInstance> {
  const app = fastify({
    serverFactory: (handler) => server.on('request', handler as (req: IncomingMessage, res: ServerResponse) => void),
    bodyLimit: LIMITS.body,
    requestTimeout: LIMITS.receive,
    keepAliveTimeout: LIMITS.idle,
    routerOptions: { maxParamLength: 100 },
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    clientErrorHandler,
    frameworkErrors: (error, _request, reply) => send(reply as FastifyReply, problemOf(error)),
  });
  app.removeContentTypeParser('text/plain');
  app.setValidatorCompiler(({ schema }) => (data) => {
    const parsed = (schema as unknown as z.ZodType).safeParse(data);
    if (parsed.success) return { value: parsed.data };
    const [issue] = parsed.error.issues;
    const where = (issue?.path ?? []).join('.');
    return { error: new Error(`${where === '' ? '' : `${where}: `}${issue?.message ?? 'not understood'}`) };
  });
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.decorateRequest('caller', undefined);
  app.addHook('onRequest', async (request) => {
    const { socket } = request.raw;
    const der = (socket as Partial<TLSSocket>).getPeerX509Certificate?.()?.raw;
    if (identify !== undefined) {
      // Without one a request goes on to be refused, by whatever is not for those who have a join token.
      if (der !== undefined) request.caller = await identify(new Uint8Array(der));
    }
    const unknown: Access = identify === undefined ? { to: 'anyone' } : { to: 'known', roles: ['operator', 'auditor'] };
    const access = request.is404 ? unknown : request.routeOptions.config.access;
    authorize(access, request.caller, (request.params ?? {}) as Record<string, unknown>);
  });
  app.addHook('onResponse', async (request, reply) => {
    const path = request.is404 ? 'unknown' : (request.routeOptions.config.path ?? 'unknown');
    answered({ method: request.method, path, status: reply.statusCode, caller: request.caller?.name });
  });
  app.setNotFoundHandler((request) => {
    throw new Problem(404, 'not-found', `there is nothing at ${request.method} ${pathOf(request)}`);
  });
  app.setErrorHandler((error, _request, reply) => {
    const problem = problemOf(error);
    if (problem.status >= 500 && problem.kind === 'internal') bug(error);
    return send(reply, problem);
  });
  for (const route of routes) add(app, route);
  await app.ready();
  return app;
}

function add(app: FastifyInstance, route: Route): void {
  const schema = Object.fromEntries(
    Object.entries(PARTS).flatMap(([part, name]) => (route[name] === undefined ? [] : [[part, route[name]]])),
  );
  app.route({
    method: route.method,
    url: route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
    schema,
    config: { access: route.access, path: route.path },
    handler: async (request, reply) => {
      const { params, query, headers, body, caller } = request;
      const gone = new Promise<void>((resolve) => reply.raw.once('close', resolve));
      return answer(reply, await route.handle({ params, query, headers, body, caller, gone }));
    },
  });
}

function answer(reply: FastifyReply, { status = 200, body, type, headers = {} }: Reply): FastifyReply {
  secure(reply).code(status).headers(headers);
  if (type !== undefined) reply.type(type);
  return reply.send(body instanceof Uint8Array ? Buffer.from(body) : body);
}

function send(reply: FastifyReply, problem: Problem): FastifyReply {
  return secure(reply)
    .code(problem.status)
    .headers(problem.options.headers ?? {})
    .type('application/problem+json')
    .send(JSON.stringify(problem.document));
}

/** Nothing is kept by a cache, guessed at by a browser, or framed. */
function secure(reply: FastifyReply): FastifyReply {
  return reply.headers({
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  });
}

function pathOf({ url }: FastifyRequest): string {
  return url.split('?')[0] ?? url;
}

/** What is not HTTP, comes too slowly or is too large for a header: answered, where somebody still listens, and closed. */
function clientErrorHandler(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const status = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400;
  const { document } = new Problem(
    status,
    'request',
    status === 408 ? 'the request came too slowly' : 'not understood',
  );
  const body = JSON.stringify(document);
  if (socket.writable)
    socket.write(
      `HTTP/1.1 ${status} ${document.title}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  socket.destroySoon();
}
