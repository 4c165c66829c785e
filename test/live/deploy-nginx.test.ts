import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import type { DeployDocument, ServiceObject } from '../../src/deployment/document.ts';
import { describeWith } from '../support/debian.ts';
import { freePort } from '../support/ports.ts';
import { Servers } from '../support/servers.ts';
import { type Nginx, startNginx } from '../support/servers-nginx.ts';
import { askAll, material, served } from '../support/tls.ts';
import { httpClient } from '../support/tls-http-load.ts';
import { type Certificate, fingerprintOf } from './authority.ts';
import { anotherRoot, Deployer, underLoad } from './deployer.ts';

const REQUEST = 'GET / HTTP/1.0\r\n\r\n';

const describeLive = await describeWith('nginx');
const servers = new Servers('deploy-nginx');

describeLive('deploy to nginx under load', () => {
  let ca: Deployer;
  let other: Buffer;
  let nginx: Nginx;
  let port: number;
  const at = (name: string): string => join(servers.directory, name);
  const dir = (name: string): string => at(join('etc', name));
  const pidFile = (): string => at('nginx/nginx.pid');

  const web = (document: DeployDocument): ServiceObject | undefined =>
    document.services.find(({ node }) => node === 'web-1');
  const inventory = (reload: string): string => `
cluster: orders
nodes:
  web-1: { ip: [127.0.0.1], planes: [data], services: [{ kind: nginx, address: "127.0.0.1:${port}", dir: ${dir('web-1')}, reload: ${reload} }] }
clients:
  app: { services: [{ kind: files, dir: ${dir('app')} }] }
  leaver: { services: [{ kind: files, dir: ${dir('leaver')} }] }
`;
  const reload = (): string => `{ pidFile: ${pidFile()}, test: ${JSON.stringify(nginx.test)} }`;

  async function expectServed(certificates: Certificate[]): Promise<void> {
    expect(await served(port, await material(dir('app')))).toBe(fingerprintOf(certificates, 'web-1', 'data'));
  }

  /** Two clients with kept connections, two with a new one for each request. @returns how many requests were sent again */
  async function loaded(work: (progress: () => Promise<void>) => Promise<void>): Promise<number> {
    const client = await material(dir('app'));
    const clients = ([1, 2, 3, 4] as const).map((id) => httpClient(id, id < 3 ? 'lasting' : 'fresh', port, client));
    const counted = await underLoad(clients, work);
    expect(counted.fresh?.connections).toBe(counted.fresh?.operations);
    return clients.reduce((sum, one) => sum + one.counted.again, 0);
  }

  beforeAll(async () => {
    port = await freePort();
    ca = await Deployer.init(at('orders'), 'orders');
    other = await anotherRoot(at('billing'));
    await ca.issueInventory(inventory(`{ pidFile: ${pidFile()} }`));
  });

  test('the files are placed before anything listens, with a CRL for every level', async () => {
    const result = await ca.deploy();
    expect([result.code, web(result.json())?.state]).toEqual([0, 'placed']);
    const crl = await readFile(join(dir('web-1'), 'crl.pem'), 'utf8');
    expect(crl.match(/BEGIN X509 CRL/g)).toHaveLength(2);
    nginx = await startNginx(servers, dir('web-1'), join(dir('web-1'), 'crl.pem'), {
      workers: 2,
      port,
      more: 'add_header X-Uri $request_uri always;',
    });
    expect(nginx.pidFile).toBe(pidFile());
    await writeFile(ca.inventory, inventory(reload()));
  });

  test('rotate --all --deploy, five times: no operation fails', async () => {
    let made: Certificate[] = [];
    const again = await loaded(async (progress) => {
      for (let round = 0; round < 5; round++) {
        const result = await ca.rotate();
        expect([result.code, result.stderr, web(result.json())?.state]).toEqual([0, '', 'confirmed']);
        made = result.json().certificates;
        await expectServed(made);
        await progress();
      }
    });
    // At most each kept connection at each reload.
    expect(again).toBeLessThanOrEqual(2 * 5);
  }, 180_000);

  test('a change of the trust bundle alone', async () => {
    await appendFile(join(dir('web-1'), 'ca.pem'), other);
    await loaded(async () => {
      const result = await ca.deploy();
      expect([result.code, result.stderr, web(result.json())?.state]).toEqual([0, '', 'confirmed']);
    });
    expect(await readFile(join(dir('web-1'), 'ca.pem'), 'utf8')).not.toContain(other.toString());
  }, 180_000);

  test('revoke deploys the CRL: the client is refused from then on, and no operation of the others fails', async () => {
    const leaver = await material(dir('leaver'));
    await loaded(async (progress) => {
      expect(await askAll(port, leaver, REQUEST)).toContain('welcome CN=leaver');
      const result = await ca.live(['revoke', 'leaver', '--reason', 'cessationOfOperation']);
      expect([result.code, result.stderr]).toEqual([0, '']);
      expect(await askAll(port, leaver, REQUEST)).toContain('The SSL certificate error');
      await progress();
    });
    await ca.issueClients('leaver');
    const again = await ca.deploy();
    expect([again.code, web(again.json())?.state]).toEqual([0, 'unchanged']);
  }, 180_000);

  test('a configuration that does not load: nothing is placed; a reload that does nothing: all is put back', async () => {
    const before = await readFile(join(dir('web-1'), 'cert.pem'), 'utf8');
    const good = await readFile(nginx.configuration, 'utf8');
    await appendFile(nginx.configuration, 'nonsense on;\n');
    const refused = await ca.rotate('--out', ca.out);
    expect([refused.code, web(refused.json())?.error?.message]).toEqual([
      3,
      expect.stringMatching(/unknown directive "nonsense".*; nothing was placed/),
    ]);
    await writeFile(nginx.configuration, good);
    await writeFile(ca.inventory, inventory('{ command: ["true"], timeout: 2s }'));
    const lied = await ca.rotate('--out', ca.out);
    expect([lied.code, web(lied.json())?.error?.message]).toEqual([
      3,
      expect.stringMatching(/and not the one that was placed; the previous files were put back and are in use/),
    ]);
    expect(await readFile(join(dir('web-1'), 'cert.pem'), 'utf8')).toBe(before);
    await writeFile(ca.inventory, inventory(reload()));
    expect((await ca.deploy()).code).toBe(0);
  }, 180_000);

  test('killed at any moment, the next run makes it whole', async () => {
    await ca.killed([dir('web-1')], [0, 100, 300], expectServed);
  }, 240_000);

  test('verify --inventory finds nothing to say', () => ca.expectNothingFound(dir('app')));
});
