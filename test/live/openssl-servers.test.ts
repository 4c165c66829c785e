import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { describeWith } from '../support/debian.ts';
import { Servers } from '../support/servers.ts';
import { OpensslParty } from '../support/servers-openssl.ts';
import { Authority } from './authority.ts';

const NODES = ['node-1', 'node-2'];
const KEY_TYPES = ['ecdsa-p384', 'rsa-2048', 'rsa-3072', 'rsa-4096', 'ed25519'];
const VERSIONS = ['-tls1_2', '-tls1_3'];

const INVENTORY = `
cluster: orders
nodes:
${NODES.map((name) => `  ${name}: { ip: [127.0.0.1] }`).join('\n')}
clients:
  app: {}
`;

const describeLive = await describeWith('openssl');
const servers = new Servers('openssl-servers');

describeLive('openssl s_server and s_client, strict and with every CRL', () => {
  let ca: Authority;
  /** The anchors, and the current CRL of each CA. */
  let trusted: string;
  const parties = new Map<string, OpensslParty>();
  const listeners: { node: string; port: number }[] = [];

  const party = (name: string): OpensslParty => {
    const found = parties.get(name);
    if (!found) throw new Error(`no party ${name}`);
    return found;
  };

  const add = async (name: string, files: string): Promise<OpensslParty> => {
    const made = await OpensslParty.make(files, trusted, join(servers.directory, name));
    parties.set(name, made);
    return made;
  };

  beforeAll(async () => {
    ca = await Authority.init(join(servers.directory, 'orders'), 'orders');
    const foreign = await Authority.init(join(servers.directory, 'billing'), 'billing');
    await ca.issueInventory(INVENTORY);
    await foreign.issueClients('app');
    const crl = join(servers.directory, 'crl.pem');
    await ca.run('crl', '--out', crl);
    trusted = `${await readFile(join(ca.client('app'), 'ca.pem'))}${await readFile(crl)}`;
    for (const node of NODES)
      for (const plane of ['control', 'data'] as const) {
        const made = await add(`${node}-${plane}`, ca.node(node, plane));
        listeners.push({ node, port: await made.serve(servers) });
      }
    await add('app', ca.client('app'));
    await add('stranger', foreign.client('app'));
  });

  test('each certificate serves, and each is accepted by each server', async () => {
    for (const { node, port } of listeners)
      for (const name of [...NODES.flatMap((of) => [`${of}-control`, `${of}-data`]), 'app'])
        for (const version of VERSIONS) {
          const names = ['-verify_hostname', `${node}.orders.internal`];
          const { code, stdout, stderr } = await party(name).ping(port, version, ...names);
          expect({ name, code, stdout, stderr }).toMatchObject({ code: 0, stdout: expect.stringContaining('gnip') });
          expect(stderr).toContain('Verification: OK');
        }
  });

  test('a node of each other key type serves, and is accepted', async () => {
    const [{ port } = { port: 0 }] = listeners;
    for (const keyType of KEY_TYPES) {
      const name = `node-${keyType}`;
      await ca.run('issue', name, '--plane', 'data', '--key-type', keyType, '--out', ca.out);
      const other = await add(name, ca.node(name, 'data'));
      const otherPort = await other.serve(servers);
      for (const version of VERSIONS) {
        const names = ['-verify_hostname', `${name}.orders.internal`];
        expect(await party('app').ping(otherPort, version, ...names)).toMatchObject({ code: 0, stdout: 'gnip\n' });
        expect(await other.ping(port, version)).toMatchObject({ code: 0, stdout: 'gnip\n' });
      }
    }
  });

  test('a certificate holds for its address, and for no other name', async () => {
    const [{ port } = { port: 0 }] = listeners;
    expect((await party('app').ping(port, '-verify_ip', '127.0.0.1')).stdout).toContain('gnip');
    const other = await party('app').ping(port, '-verify_hostname', 'node-2.orders.internal');
    expect(other.stderr).toContain('hostname mismatch');
    expect(other.code).not.toBe(0);
  });

  test('a client without a certificate, and one of another CA, are refused with the alert that says why', async () => {
    const [{ port } = { port: 0 }] = listeners;
    for (const version of VERSIONS) {
      expect((await party('app').listen(port, false, version)).stderr).toMatch(
        version === '-tls1_3' ? /alert certificate required/ : /alert handshake failure/,
      );
      expect((await party('stranger').listen(port, true, version)).stderr).toMatch(/alert unknown ca/);
    }
  });
});
