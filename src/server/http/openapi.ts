import * as z from 'zod';
import { VERSION } from '../../version.ts';
import type { Access } from './authorize.ts';
import { problemSchema } from './problem.ts';
import type { Answer, Route } from './route.ts';

type Json = Record<string, unknown>;

/** The OpenAPI 3.1 document, from the very routes that the server has. */
export function openApiDocument(routes: readonly Route[]): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes)
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) };
  return {
    openapi: '3.1.1',
    info: {
      title: 'cluster-ca serve',
      version: VERSION,
      description:
        'The private CA of one cluster over HTTPS with mutual TLS. A caller is its client certificate: a person with a role, or a node.',
    },
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    paths,
    components: {
      securitySchemes: { mutualTLS: { type: 'mutualTLS', description: 'a certificate that this CA has issued' } },
      schemas: { Problem: schemaOf(problemSchema, 'output') },
      responses: {
        Problem: {
          description: 'a problem document (RFC 9457)',
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
    },
  };
}

function operation(route: Route): Json {
  const { id, summary, description, access, body, answers } = route;
  return {
    operationId: id,
    summary,
    description: [description, accessText(access)].filter((part) => part !== undefined).join('\n\n'),
    security: access.to === 'anyone' || access.to === 'token' ? [] : [{ mutualTLS: [] }],
    ...(parametersOf(route).length === 0 ? {} : { parameters: parametersOf(route) }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body, 'input') } } } }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, answerOf(answer)])),
      default: { $ref: '#/components/responses/Problem' },
    },
  };
}

/** Who may, in words: the same in the OpenAPI document and in docs/rest-api.md. */
export function accessText(access: Access): string {
  switch (access.to) {
    case 'anyone':
      return 'On the plain listener; no certificate is asked for.';
    case 'roles':
      return `For the roles: ${access.roles.join(', ')}.`;
    case 'known':
      return `For the roles: ${access.roles.join(', ')}; and for every node.`;
    case 'own-node':
      return 'For the node that the path names, and nobody else.';
    case 'token':
      return 'For whoever has a join token; no certificate is asked for.';
  }
}

function answerOf({ description, schema, type }: Answer): Json {
  if (schema !== undefined)
    return { description, content: { [type ?? 'application/json']: { schema: schemaOf(schema, 'output') } } };
  return type === undefined ? { description } : { description, content: { [type]: { schema: { type: 'string' } } } };
}

function parametersOf({ params, query, headers }: Route): Json[] {
  return (
    [
      ['path', params],
      ['query', query],
      ['header', headers],
    ] as const
  ).flatMap(([place, schema]) => {
    if (schema === undefined) return [];
    const { properties = {}, required = [] } = schemaOf(schema, 'input') as {
      properties?: Record<string, Json>;
      required?: string[];
    };
    return Object.entries(properties).map(([name, { description, ...rest }]) => ({
      name,
      in: place,
      required: place === 'path' || required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema: rest,
    }));
  });
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io }) as Json;
  return rest;
}
