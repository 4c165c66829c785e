import { networkInterfaces } from 'node:os';
import { expect, test } from '@jest/globals';
import { isLocalHost } from '../../src/endpoint/local.ts';

test.each(['127.0.0.1', '127.9.9.9', '::1', 'localhost'])('%s is this host', async (host) => {
  expect(await isLocalHost(host)).toBe(true);
});

test('so is every address of its interfaces', async () => {
  for (const list of Object.values(networkInterfaces()))
    for (const { address } of list ?? []) expect(await isLocalHost(address)).toBe(true);
});

test.each(['192.0.2.1', '2001:db8::1', 'no-such-host.invalid'])('%s is not', async (host) => {
  expect(await isLocalHost(host)).toBe(false);
});
