import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { describeWith } from '../support/debian.ts';
import { Servers } from '../support/servers.ts';
import { startNginx } from '../support/servers-nginx.ts';
import { askAll, material } from '../support/tls.ts';
import { Authority } from './authority.ts';

const INVENTORY = `
cluster: orders
nodes:
  web-1: { ip: [127.0.0.1], planes: [data] }
clients:
  app: {}
  leaver: {}
`;
const REQUEST = 'GET / HTTP/1.0\r\n\r\n';

const describeLive = await describeWith('nginx');
const servers = new Servers('nginx');

describeLive('nginx that checks client certificates against the CRL of every CA', () => {
  let ca: Authority;
  let port: number;

  beforeAll(async () => {
    ca = await Authority.init(join(servers.directory, 'orders'), 'orders');
    await ca.issueInventory(INVENTORY);
    await ca.run('revoke', 'leaver', '--yes');
    const crl = join(servers.directory, 'crl.pem');
    await ca.run('crl', '--out', crl);
    ({ port } = await startNginx(servers, ca.node('web-1', 'data'), crl));
  });

  test('a client is let in', async () => {
    expect(await askAll(port, await material(ca.client('app')), REQUEST)).toMatch(
      /^HTTP\/1\.1 200 [\s\S]*welcome CN=app$/,
    );
  });

  test('a revoked client and one without a certificate are told so inside TLS', async () => {
    const leaver = await material(ca.client('leaver'));
    expect(await askAll(port, leaver, REQUEST)).toMatch(/^HTTP\/1\.1 400 [\s\S]*The SSL certificate error/);
    expect(await askAll(port, { ca: leaver.ca }, REQUEST)).toMatch(
      /^HTTP\/1\.1 400 [\s\S]*No required SSL certificate/,
    );
  });
});
