import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { openApiDocument } from '../../src/server/http/openapi.ts';
import { restApiPage } from '../../src/server/rest-api-page.ts';
import { plainRoutes, secureRoutes } from '../../src/server/routes/index.ts';
import type { Service } from '../../src/server/service.ts';

const routes = [...secureRoutes({} as Service), ...plainRoutes({} as Service)];

test('docs/rest-api.md agrees with the routes; if not: npm run manual', async () => {
  expect(await readFile(new URL('../../docs/rest-api.md', import.meta.url), 'utf8')).toBe(restApiPage());
});

test('every route is in the document once, with its path parameters, an answer and the problem', () => {
  const document = openApiDocument(routes) as {
    openapi: string;
    paths: Record<string, Record<string, Record<string, unknown> & { parameters?: { name: string; in: string }[] }>>;
  };
  expect(document.openapi).toMatch(/^3\.1\./);
  const ids = new Set<unknown>();
  for (const { method, path, id } of routes) {
    const operation = document.paths[path]?.[method.toLowerCase()];
    expect([path, operation?.operationId]).toEqual([path, id]);
    ids.add(id);
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const described = (operation?.parameters ?? []).filter((one) => one.in === 'path').map(({ name }) => name);
    expect([path, described]).toEqual([path, inPath]);
    expect(Object.keys(operation?.responses as object)).toContain('default');
    expect(Object.keys(operation?.responses as object).some((status) => status.startsWith('2'))).toBe(true);
  }
  expect(ids.size).toBe(routes.length);
  // Plain data, without references that lead nowhere.
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path as string);
  for (const path of references) {
    const found = path.split('/').reduce<unknown>((part, key) => (part as Record<string, unknown>)?.[key], document);
    expect([path, typeof found]).toEqual([path, 'object']);
  }
});
