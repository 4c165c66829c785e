import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { clock } from '../cli/clock.ts';
import { Servers } from '../support/servers.ts';
import { Deployed } from './deployed.ts';

const servers = new Servers('deploy-revoke');

describe('revoke with an inventory: what is revoked is revoked, whatever becomes of the services', () => {
  let node: Deployed;
  const crl = (): string => join(node.home, 'web/crl.pem');

  beforeAll(async () => {
    node = await new Deployed(servers, 'revoke').begin();
    const other = `  web: { planes: [data], services: [{ kind: files, dir: ${join(node.home, 'web')} }] }`;
    const yaml = await readFile(node.inventory, 'utf8');
    await writeFile(node.inventory, yaml.replace('clients:', `${other}\nclients:`));
    await node.ok('issue', '--inventory', node.inventory, '--out', node.out);
    await node.ok('deploy', '--from', node.out);
    for (const name of ['a', 'b', 'c']) await node.ok('issue', name, '--plane', 'data', '--out', node.out);
  });

  const revoke = (what: string, args: string[] = [], env: Record<string, string> = {}) =>
    node.run(['revoke', what, '--yes', ...args], { env });

  test('a dry run names the services that would get it, and the others; nothing is done, and no secret is needed', async () => {
    const before = await readFile(crl(), 'utf8');
    const env = { CLUSTER_CA_KEY_FILE: join(node.home, 'nonexistent') };
    const { code, json } = await revoke('a', ['-n', '--inventory', node.inventory], env);
    const { dryRun, revoked, services, accepting } = json();
    expect([code, dryRun, services.length]).toEqual([0, true, 1]);
    expect(services[0]).toMatchObject({ node: 'web', state: 'pending' });
    expect(services[0].steps).toEqual([
      'pre-flight: a current CRL of every CA',
      `place CRL in ${join(node.home, 'web')}`,
    ]);
    expect(accepting).toEqual([expect.objectContaining({ node: 'n1', until: revoked[0].notAfter })]);
    expect(await readFile(crl(), 'utf8')).toBe(before);
  });

  test('the services that read a CRL get it, and the others are named with the end of what was revoked', async () => {
    const before = await readFile(crl(), 'utf8');
    const result = await revoke('a', ['--inventory', node.inventory]);
    const { revoked, services, accepting } = result.json();
    expect([result.code, services[0].node, services[0].state]).toEqual([0, 'web', 'placed']);
    expect(await readFile(crl(), 'utf8')).not.toBe(before);
    expect(accepting).toEqual([expect.objectContaining({ node: 'n1', until: revoked[0].notAfter })]);
  });

  test('a serial number that the log does not know may be accepted for as long as its issuer lives', async () => {
    const issuing = (await node.ok('status'))
      .json()
      .authorities.find(({ role }: { role: string }) => role === 'issuing');
    const result = await revoke('0123456789abcdef01', ['--authority', issuing.id, '--inventory', node.inventory]);
    expect([result.code, result.json().accepting[0].until]).toEqual([0, issuing.notAfter]);
  });

  test.each([
    ['is not there', async () => join(node.home, 'nonexistent.yaml')],
    [
      'is broken',
      async () => {
        const path = join(node.home, 'broken.yaml');
        await writeFile(path, 'cluster: [');
        return path;
      },
    ],
  ])(
    'an inventory of the environment that %s is a warning; one of a flag an error before anything is done',
    async (name, at) => {
      const path = await at();
      const who = name === 'is broken' ? 'c' : 'b';
      const flagged = await revoke(who, ['--inventory', path]);
      expect([flagged.code, flagged.stdout]).toEqual([2, '']);
      const { certificates } = (await node.ok('list', '--node', who)).json();
      expect(certificates[0].status).toBe('valid');
      const result = await revoke(who, [], { CLUSTER_CA_INVENTORY: path });
      expect([result.code, result.json().revoked.length]).toEqual([0, 1]);
      expect(result.json().warnings).toEqual([expect.stringMatching(/^no service is given the new CRL: /)]);
    },
    180_000,
  );

  test('with a clock behind the log nobody can be asked: revoked, said so with 3, and given by the next run', async () => {
    await node.ok('issue', 'd', '--plane', 'data', '--out', node.out);
    const before = await readFile(crl(), 'utf8');
    const result = await revoke('d', ['--inventory', node.inventory], clock('-1d'));
    expect([result.code, result.json().revoked.length]).toEqual([3, 1]);
    expect(result.error().error).toMatchObject({
      code: 'ERR_PARTIAL',
      message: expect.stringMatching(/^it is revoked, but no service was given the new CRL: /),
    });
    expect(await readFile(crl(), 'utf8')).toBe(before);
    const again = await revoke('d', ['--inventory', node.inventory]);
    expect([again.code, again.json().services[0].state]).toEqual([0, 'placed']);
    expect(await readFile(crl(), 'utf8')).not.toBe(before);
  });
});
