import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { readAgentConfig } from '../../src/agent/config.ts';
import { agentConfigJsonSchema, inventoryJsonSchema } from '../../src/inventory/json-schema.ts';
import { parseInventory } from '../../src/inventory/read.ts';
import { done, fails } from '../cli/checks.ts';
import { newPlace } from '../support/clusters.ts';
import { warmCli } from '../support/warm.ts';

const place = await newPlace('schema');
const run = (args: string[]) => warmCli(args, { env: place.env, cwd: place.directory });

test('it is printed without a keystore, a NODE or a secret', async () => {
  const result = await run(['issue', '--inventory-schema']);
  expect([result.code, result.stderr]).toEqual([0, '']);
  expect(result.json()).toEqual(inventoryJsonSchema());
  expect(await done(run, ['issue', '--inventory-schema'])).toMatchObject({ schema: inventoryJsonSchema() });
  await fails(run, ['issue', 'n1', '--inventory-schema'], 2);
});

test('docs/cluster.schema.json is it: node bin/cluster-ca issue --inventory-schema >docs/cluster.schema.json', async () => {
  const published = await readFile(new URL('../../docs/cluster.schema.json', import.meta.url), 'utf8');
  expect(JSON.parse(published)).toEqual(inventoryJsonSchema());
});

test('docs/agent.schema.json: node bin/cluster-ca agent --config-schema >docs/agent.schema.json', async () => {
  const published = await readFile(new URL('../../docs/agent.schema.json', import.meta.url), 'utf8');
  expect(JSON.parse(published)).toEqual(agentConfigJsonSchema());
  const result = await run(['agent', '--config-schema']);
  expect([result.code, result.stderr, result.json()]).toEqual([0, '', agentConfigJsonSchema()]);
  expect(await done(run, ['agent', '--config-schema'])).toMatchObject({ schema: agentConfigJsonSchema() });
  await fails(run, ['agent', '--config-schema', '--node', 'n1'], 2);
});

// A validator of the few keywords that the schema uses: it fails on any other, so that none goes unchecked.
type Schema = { [key: string]: unknown };
function accepts(schema: Schema, value: unknown): boolean {
  return Object.entries(schema).every(([keyword, wanted]) => {
    const object = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
    switch (keyword) {
      case '$schema':
      case 'title':
      case 'description':
        return true;
      case 'type':
        return wanted === (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);
      case 'anyOf':
        return (wanted as Schema[]).some((part) => accepts(part, value));
      case 'oneOf':
        return (wanted as Schema[]).filter((part) => accepts(part, value)).length === 1;
      case 'const':
        return value === wanted;
      case 'maxItems':
        return !Array.isArray(value) || value.length <= (wanted as number);
      case 'allOf':
        return (wanted as Schema[]).every((part) => accepts(part, value));
      case 'enum':
        return (wanted as unknown[]).includes(value);
      case 'minLength':
        return typeof value !== 'string' || value.length >= (wanted as number);
      case 'pattern':
        return typeof value !== 'string' || new RegExp(wanted as string).test(value);
      case 'minItems':
        return !Array.isArray(value) || value.length >= (wanted as number);
      case 'items':
        return !Array.isArray(value) || value.every((item) => accepts(wanted as Schema, item));
      case 'required':
        return object === undefined || (wanted as string[]).every((name) => Object.hasOwn(object, name));
      case 'properties':
        return Object.entries(wanted as Record<string, Schema>).every(
          ([name, part]) =>
            object === undefined || !Object.hasOwn(object, name) || accepts(part, (object as Schema)[name]),
        );
      case 'additionalProperties': {
        const known = Object.keys((schema.properties ?? {}) as object);
        const others = Object.entries(object ?? {}).filter(([name]) => !known.includes(name));
        return others.every(([, part]) => wanted !== false && accepts(wanted as Schema, part));
      }
      default:
        throw new Error(`the schema uses ${keyword}, which this test does not know`);
    }
  });
}

describe('the schema and the reader agree', () => {
  test.each([
    ['the least', 'cluster: orders'],
    ['a node without a value', 'cluster: orders\nnodes:\n  redis-1:\n'],
    ['sections without a value', 'cluster: orders\ndefaults:\nnodes:\nclients:\nalerts:\n'],
    ['a node', 'cluster: orders\nnodes:\n  a: { dns: [a.b], ip: [127.0.0.1], planes: [data], lifetime: 30d }'],
    [
      'services',
      'cluster: o\nnodes:\n  a: { services: [ { kind: redis, dir: /x, plane: data, reload: { pid: /y } } ] }',
    ],
    ['clients', 'cluster: o\nclients:\n  app_rw: { keyType: ed25519, role: auditor }'],
    ['a webhook', 'cluster: o\nalerts: { w: { kind: webhook, url: "https://h.example/x", secretFile: /s } }'],
    ['an Alertmanager', 'cluster: o\nalerts: { a: { kind: alertmanager, url: "http://h:9093", minSeverity: info } }'],
    ['mail', 'cluster: o\nalerts: { m: { kind: smtp, server: "h:25", from: a@b.c, to: [d@e.f], tls: implicit } }'],
    ['a program', 'cluster: o\nalerts: { p: { kind: exec, command: [/bin/page, now], timeout: 30s } }'],
    ['a sink of no kind', 'cluster: o\nalerts: { p: { command: [/bin/page] } }'],
    ['a sink without a value', 'cluster: o\nalerts: { p: }'],
    ['a program in a shell', 'cluster: o\nalerts: { p: { kind: exec, command: /bin/page now } }'],
    ['a secret beside its file', 'cluster: o\nalerts: { m: { kind: webhook, url: "https://h", secret: whsec_AA } }'],
    ['mail to nobody', 'cluster: o\nalerts: { m: { kind: smtp, server: "h:25", from: a@b.c, to: [] } }'],
    ['a key of another kind', 'cluster: o\nalerts: { p: { kind: exec, command: [/bin/page], url: "https://h" } }'],
    ['no cluster', 'nodes: {}'],
    ['an unknown key', 'cluster: o\nnode: {}'],
    ['an unknown key of a node', 'cluster: o\nnodes: { a: { port: x } }'],
    ['a bad duration', 'cluster: o\nnodes: { a: { lifetime: soon } }'],
    ['a bad key type', 'cluster: o\ndefaults: { keyType: rsa-1024 }'],
    ['no planes', 'cluster: o\nnodes: { a: { planes: [] } }'],
    ['a service without a directory', 'cluster: o\nnodes: { a: { services: [ { kind: redis } ] } }'],
    ['an unknown kind', 'cluster: o\nnodes: { a: { services: [ { kind: mysql, dir: /x } ] } }'],
    ['a list for a mapping', 'cluster: o\nnodes: [a]'],
  ])('%s', (_, source) => {
    let read = true;
    try {
      parseInventory(source, 'cluster.yaml');
    } catch {
      read = false;
    }
    expect(accepts(inventoryJsonSchema(), parse(source))).toBe(read);
  });
});

describe("the schema of an agent's file and its reader agree", () => {
  test.each([
    ['nothing', ''],
    ['planes and a key type', 'planes: [data]\nkeyType: ed25519'],
    ['a service', 'services: [ { plane: data, kind: redis, address: "127.0.0.1:1", dir: /x, owner: "a:b" } ]'],
    ['a service without a directory', 'services: [ { kind: redis } ]'],
    ['no planes', 'planes: []'],
    ["an inventory's key", 'nodes: {}'],
    ['a list', '[a]'],
  ])('%s', async (_, source) => {
    const path = join(place.directory, 'agent.yaml');
    await writeFile(path, source);
    let hint: unknown;
    try {
      readAgentConfig(path, 'n1');
    } catch (error) {
      ({ hint } = error as { hint: unknown });
      expect(hint).toBe('cluster-ca agent --config-schema prints what may stand there');
    }
    expect(accepts(agentConfigJsonSchema(), parse(source))).toBe(hint === undefined);
  });
});
