import { openApiDocument } from './http/openapi.ts';
import type { Route } from './http/route.ts';
import { plainRoutes, secureRoutes } from './routes/index.ts';
import type { Service } from './service.ts';

interface Schema {
  type?: string;
  enum?: unknown[];
  const?: unknown;
  pattern?: string;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  minimum?: number;
  maximum?: number;
  format?: string;
  maxLength?: number;
}

interface Operation {
  operationId: string;
  summary: string;
  description: string;
  parameters?: { name: string; in: string; required: boolean; description?: string; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { description?: string; content?: Record<string, { schema: Schema }> }>;
}

const INTRODUCTION = `# The REST API of \`cluster-ca serve\`

This page is made of the OpenAPI 3.1 document, which the daemon hands out at \`/v1/openapi.json\`, which is made of the schemas by which it
validates requests: \`npm run manual\` writes it anew, and a test compares.

A caller is its client certificate: one that this CA has issued, with a valid path, in the log, not revoked. People have a role
(\`cluster-ca issue --client NAME --role operator|auditor\`), nodes have their own certificates. What a route does not allow is denied (403). Whoever shows
a certificate that is not ours, or has ended, does not get as far as HTTP; whoever shows none is refused everything but
\`/v1/enroll\`, which asks for a join token.

\`\`\`sh
curl --cacert ca.pem --cert cert.pem --key key.pem https://localhost:8443/v1/cluster/certificates
curl --cacert ca.pem --cert cert.pem --key key.pem https://localhost:8443/v1/cluster/certificates/rotate --json '{ "nodes": ["redis-1"] }'
\`\`\`

Bodies are JSON (\`Content-Type: application/json\`), 64 KiB at most. A header must be there within 10 s, a request within 30 s. Every error is a
problem document (RFC 9457, \`application/problem+json\`) with \`type\`, \`title\`, \`status\`, \`detail\`, and where there is one the \`hint\` and the \`code\` that the
command line has. Unknown members and parameters are refused.
`;

/** The routes as they are described: handlers are never called, so there is nothing behind them. */
function describedRoutes(): { secure: Route[]; plain: Route[] } {
  const nothing = {} as Service;
  return { secure: secureRoutes(nothing), plain: plainRoutes(nothing) };
}

/** docs/rest-api.md */
export function restApiPage(): string {
  const { secure, plain } = describedRoutes();
  return `${[
    INTRODUCTION,
    '## With mutual TLS (`--listen`)',
    ...secure.map(section),
    '## Without a certificate (`--http-listen`)',
    ...plain.map(section),
  ].join('\n\n')}\n`.replaceAll(/\n{3,}/g, '\n\n');
}

function section(route: Route): string {
  const { paths } = openApiDocument([route]) as { paths: Record<string, Record<string, Operation>> };
  const operation = paths[route.path]?.[route.method.toLowerCase()] as Operation;
  const { summary, description, parameters = [], requestBody, responses } = operation;
  const body = Object.values(requestBody?.content ?? {})[0]?.schema;
  return [
    `### ${route.method} ${route.path}`,
    `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`,
    description,
    ...table(
      'Parameter',
      parameters.map(({ name, in: place, schema, description: text }) => [
        `\`${name}\` (${place})`,
        typeText(schema),
        text,
      ]),
    ),
    ...table('Request', body === undefined ? [] : rows(notNull(body))),
    ...Object.entries(responses).flatMap(([status, answer]) => answerLines(status, answer)),
  ].join('\n\n');
}

function answerLines(status: string, { description, content }: Operation['responses'][string]): string[] {
  if (status === 'default' || description === undefined) return [];
  const [type = '', media] = Object.entries(content ?? {})[0] ?? [];
  const head = `**${status}** ${description}${type === '' || type === 'application/json' ? '' : ` (\`${type}\`)`}`;
  return [head, ...table('Answer', media?.schema === undefined ? [] : rows(media.schema))];
}

function notNull(schema: Schema): Schema {
  return schema.anyOf?.find(({ type }) => type !== 'null') ?? schema;
}

/** Members, the inner ones behind their outer one's name. */
function rows(schema: Schema, prefix = ''): [string, string, string | undefined][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]): [string, string, string | undefined][] => {
    const path = `${prefix}${name}`;
    const optional = schema.required?.includes(name) ? '' : '?';
    const inner = member.type === 'array' ? member.items : member;
    const mark = member.type === 'array' ? '[].' : '.';
    return [
      [`\`${path}${optional}\``, typeText(member), member.description],
      ...(inner?.properties === undefined ? [] : rows(inner, `${path}${mark}`)),
    ];
  });
}

function typeText(schema: Schema): string {
  const { type, enum: values, const: only, items, anyOf, minimum, maximum, format } = schema;
  if (anyOf !== undefined) return anyOf.map(typeText).join(' or ');
  if (values !== undefined) return values.map((value) => `\`${String(value)}\``).join(', ');
  if (only !== undefined) return `\`${String(only)}\``;
  if (type === 'array') return `list of ${typeText(items ?? {})}`;
  if (format === 'date-time') return 'time';
  const range = minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER ? ` from ${minimum} to ${maximum}` : '';
  return `${type ?? 'anything'}${range}`;
}

function table(head: string, lines: [string, string, string | undefined][]): string[] {
  if (lines.length === 0) return [];
  const cell = (text = ''): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  return [
    [
      `| ${head} | is | |`,
      '| --- | --- | --- |',
      ...lines.map(([name, type, text]) => `| ${cell(name)} | ${cell(type)} | ${cell(text)} |`),
    ].join('\n'),
  ];
}
