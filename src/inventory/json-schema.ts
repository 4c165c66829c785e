import * as z from 'zod';
import { agentConfigSchema, inventorySchema } from './schema.ts';

type JsonSchema = { [key: string]: unknown };

/**
 * The JSON Schema of cluster.yaml, for editors and for checks before a commit; from the schema that reads it, so that
 * the two agree. What is checked beyond it (names, addresses, planes) only `issue` can tell.
 */
export function inventoryJsonSchema(): JsonSchema {
  const schema = jsonSchemaOf(inventorySchema);
  const properties = schema.properties as Record<string, JsonSchema>;
  for (const [name, property] of Object.entries(properties))
    if (name !== 'cluster') properties[name] = orEmpty(name === 'alerts' ? property : withEmptyEntries(property));
  return { ...schema, title: "cluster.yaml: the inventory of cluster-ca's issue, deploy and verify" };
}

/** The JSON Schema of an agent's file, which may be empty. What is checked beyond it only `agent` can tell. */
export function agentConfigJsonSchema(): JsonSchema {
  const { $schema, ...schema } = jsonSchemaOf(agentConfigSchema);
  return { $schema, ...orEmpty(schema), title: "agent.yaml: the file of cluster-ca's agent" };
}

function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: 'input',
    override: ({ jsonSchema }) => {
      delete (jsonSchema as JsonSchema).propertyNames;
    },
  }) as JsonSchema;
}

/** `redis-1:` without a value names a node with all defaults: YAML reads null there. */
function withEmptyEntries(schema: JsonSchema): JsonSchema {
  const { additionalProperties } = schema;
  if (typeof additionalProperties !== 'object' || additionalProperties === null) return schema;
  return { ...schema, additionalProperties: orEmpty(additionalProperties as JsonSchema) };
}

function orEmpty(schema: JsonSchema): JsonSchema {
  return { anyOf: [schema, { type: 'null' }] };
}
