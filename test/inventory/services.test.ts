import { expect, test } from '@jest/globals';
import { parseInventory } from '../../src/inventory/read.ts';
import { inventoryServices } from '../../src/inventory/services.ts';

test('several of one kind in one directory are told apart; at another holder or plane the name is free', () => {
  const exec = (plane: string): string => `{ kind: exec, plane: ${plane}, dir: /d, reload: { command: [x] } }`;
  const yaml = `cluster: orders
nodes:
  n1: { services: [${exec('data')}, ${exec('data')}, ${exec('control')}, { kind: exec, plane: data, dir: /d, address: "127.0.0.1:1" }] }
  n2: { services: [${exec('data')}] }
`;
  const labels = inventoryServices(parseInventory(yaml, 'cluster.yaml'), ['control', 'data']).map(({ label }) => label);
  expect(labels).toEqual(['exec /d', 'exec /d (2)', 'exec /d', 'exec 127.0.0.1:1', 'exec /d']);
});
