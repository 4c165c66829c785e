import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { FINDINGS } from '../../src/drift/codes.ts';
import { alertName } from '../../src/endpoint/alerts.ts';
import { FAILURES } from '../../src/pki/path/index.ts';
import { failureTable, findingTable, rejectionTable } from '../../src/verification/failure-table.ts';
import { expectExit } from '../cli/checks.ts';
import { tlsServer } from '../endpoint/tls-server.ts';
import { blocks, newShell, page } from './console.ts';

const section = (await page('runbook.md')).split('## A handshake fails')[1]?.split('\n## ')[0] as string;
const shell = await newShell('handshake');

// A server that wants a client certificate stands for redis-1:7001, and its directory for /etc/redis/tls/.
test('the commands of "a handshake fails" say that all is well where it is', async () => {
  const { work, place, bash } = shell;
  const ca = { CLUSTER_CA_KEYSTORE: join(place.directory, 'ca'), CLUSTER_CA_KEY_FILE: join(place.directory, 'key') };
  const steps = ['cluster-ca init orders', 'cluster-ca issue redis-1 --plane data --ip 127.0.0.1 --out made'];
  const copies = ['cluster-ca issue --client app --out made', 'cp made/clients/app/*.pem .'];
  expectExit(await bash([...steps, ...copies].join('\n'), ca), 0);
  const directory = join(work, 'made/redis-1/data');
  const file = (name: string): Promise<Buffer> => readFile(join(directory, name));
  const pair = { cert: await file('cert.pem'), key: await file('key.pem'), ca: await file('ca.pem') };
  const port = await tlsServer({ ...pair, requestCert: true });
  const services = `[{ plane: data, kind: files, address: "127.0.0.1:${port}", dir: "${directory}" }]`;
  const node = `{ ip: [127.0.0.1], planes: [data], services: ${services} }`;
  await writeFile(join(work, 'cluster.yaml'), `cluster: orders\nnodes:\n  redis-1: ${node}\n`);
  const commands = blocks(section.replaceAll(/^ {3}/gm, '')).flatMap(({ language, content }) =>
    language === 'sh' ? content.trim().split('\n') : [],
  );
  expect(commands.length).toBeGreaterThan(4);
  for (const command of commands) {
    const here = command.replaceAll('redis-1:7001', `127.0.0.1:${port}`).replaceAll('/etc/redis/tls', directory);
    const { code, stdout, stderr } = await bash(here, ca);
    expect([command, code, stdout, stderr]).toEqual([
      command,
      0,
      expect.not.stringMatching(/invalid/),
      expect.any(String),
    ]);
  }
});

test('every code in "a handshake fails" exists', () => {
  const alerts = new Set(Array.from({ length: 256 }, (_, code) => alertName(code)));
  const known = new Set([...Object.keys(FAILURES), ...Object.keys(FINDINGS), ...alerts, 'closed']);
  const named = [...section.matchAll(/`([a-z]+(?:[-_][a-z]+)+|expired|revoked|closed)`/g)].map(([, code]) => code);
  expect(named.length).toBeGreaterThan(20);
  for (const code of named) expect(known).toContain(code);
});

test('the tables for the manual page are whole', () => {
  expect(
    failureTable()
      .map(({ code }) => code)
      .toSorted(),
  ).toEqual(Object.keys(FAILURES).toSorted());
  for (const { rule, meaning, cure } of failureTable())
    for (const text of [rule, meaning, cure]) expect(text).toMatch(/\S/);
  expect(findingTable()).toHaveLength(Object.keys(FINDINGS).length);
  expect(rejectionTable().length).toBeGreaterThan(3);
});
