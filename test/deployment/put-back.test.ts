import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { accepts } from '../support/ports.ts';
import { Servers } from '../support/servers.ts';
import { Deployed } from './deployed.ts';

const servers = new Servers('deploy-put-back');
const FILES = ['cert.pem', 'key.pem', 'ca.pem'];

describe('what putting back comes to', () => {
  let node: Deployed;
  let before: string;

  const service = (command: string[], more = '', address = `, address: "127.0.0.1:${node.port}"`): string =>
    `{ kind: exec, plane: data, dir: ${node.dir}${address}, reload: { command: ${JSON.stringify(command)}${more} } }`;
  const files = (): Promise<string[]> => Promise.all(FILES.map((name) => node.read(name)));

  beforeAll(async () => {
    node = await new Deployed(servers, 'put-back').begin();
  });

  beforeEach(async () => {
    await node.say(node.hangUp);
    expect((await node.deploy()).code).toBe(0);
    before = await node.serves();
  });

  test('a service of the same directory that took the new files is given the previous ones again, though nobody can look at it', async () => {
    const log = join(node.home, 'taken');
    await rm(log, { force: true });
    const note = ['sh', '-c', `openssl x509 -noout -fingerprint -sha256 -in ${node.dir}/cert.pem >>${log}`];
    await node.say(`[${service(note, '', '')}, ${service(['true'], ', timeout: 1s')}]`);
    const wanted = await node.renew();
    const result = await node.run(['deploy', '--from', node.out]);
    expect([result.code, result.json().services.map(({ state }: { state: string }) => state)]).toEqual([
      3,
      ['failed', 'failed'],
    ]);
    const taken = (await readFile(log, 'utf8')).trim().split('\n');
    const fingerprints = taken.map((line) => line.split('=')[1]?.replaceAll(':', '').toLowerCase());
    expect(fingerprints).toEqual([wanted, before]);
    expect(await node.serves()).toBe(before);
    expect([node.generations.length, node.leftovers]).toEqual([1, []]);
  });

  test('a server that takes nothing, not even what it had: it is said, both sets are kept, and the next run completes', async () => {
    const kept = await files();
    const kill = ['sh', '-c', `kill -9 $(cat ${join(node.home, 'pid')}) 2>/dev/null; true`];
    await node.say(kill, ', timeout: 1s');
    const wanted = await node.renew();
    const { code, service: failed } = await node.deploy();
    expect([code, failed.state]).toEqual([3, 'failed']);
    expect(failed.error?.message).toMatch(
      /^cannot reach 127\.0\.0\.1:\d+: connection refused.*; the previous files were put back, but exec 127\.0\.0\.1:\d+ did not take them: cannot reach/,
    );
    expect(await files()).toEqual(kept);
    expect([node.generations.length, node.leftovers]).toEqual([2, []]);
    // It starts with what it had before, and takes the new files with the next run.
    await node.start();
    expect(await node.serves()).toBe(before);
    await node.say(node.hangUp);
    const next = await node.deploy();
    expect([next.code, next.service.state, await node.serves()]).toEqual([0, 'confirmed', wanted]);
    expect([node.generations.length, node.leftovers]).toEqual([1, []]);
  });

  test('a reload that fails, on a server that serves what it had: in use, whatever the reload says', async () => {
    await node.say(['sh', '-c', 'exit 9']);
    await node.renew();
    const { service: failed } = await node.deploy();
    expect(failed.error?.message).toMatch(/ended with 9.*; the previous files were put back and are in use$/);
    expect(failed.error?.details).toMatchObject({ cause: 'ERR_REMOTE' });
  });

  test('the only copy of the new key is in the directory: it survives being put back, twice', async () => {
    const wanted = await node.renew();
    // Killed between the files and the reload; then --out is lost.
    await node.say(['sh', '-c', 'kill -9 $PPID']);
    expect((await node.run(['deploy', '--from', node.out])).signal).toBe('SIGKILL');
    await rm(join(node.out, 'n1'), { recursive: true });
    const key = await node.read('key.pem');
    expect(await node.serves()).toBe(before);
    await node.say(['true'], ', timeout: 1s');
    for (const _ of [1, 2]) {
      const failed = await node.run(['deploy']);
      expect([failed.code, failed.json().services[0].state]).toEqual([3, 'failed']);
      expect(await node.read('key.pem')).not.toBe(key);
      expect([await node.serves(), node.generations.length]).toEqual([before, 2]);
    }
    await node.say(node.hangUp);
    const done = await node.run(['deploy']);
    expect([done.code, done.json().services[0].state, await node.serves()]).toEqual([0, 'confirmed', wanted]);
    expect(await node.read('key.pem')).toBe(key);
    expect([node.generations.length, node.leftovers]).toEqual([1, []]);
  });

  test('a server that shows no certificate is cured, or left as it was', async () => {
    await node.stop();
    // Something answers at the address, and is no TLS.
    const plain = await servers.start({
      name: 'plain',
      directory: join(node.home, 'plain'),
      file: process.execPath,
      args: [
        '-e',
        `require('net').createServer((s) => { s.on('error', () => {}); s.end('hello\\n'); }).listen(${node.port}, '127.0.0.1')`,
      ],
      ready: () => accepts(node.port),
    });
    const kept = await files();
    await node.renew();
    await node.say(['true'], ', timeout: 1s');
    const { code, service: failed } = await node.deploy();
    expect([code, failed.state]).toEqual([3, 'failed']);
    expect(failed.error?.message).toMatch(/; the previous files were put back$/);
    expect(await files()).toEqual(kept);
    await plain.stop();
    await node.start();
    await node.say(node.hangUp);
    expect((await node.deploy()).service.state).toBe('confirmed');
  });

  test('nothing was there that could be put back: it is said, the new files stay, and the next run takes them', async () => {
    await node.say(['true'], ', timeout: 1s');
    for (const name of [...FILES, '.cluster-ca.current', ...node.generations])
      await rm(join(node.dir, name), { recursive: true });
    await node.renew();
    const { code, service: failed } = await node.deploy();
    expect([code, failed.state]).toEqual([3, 'failed']);
    expect(failed.error?.message).toMatch(/there were no files before that could be put back$/);
    await node.say(node.hangUp);
    expect((await node.deploy()).service.state).toBe('confirmed');
    expect([node.generations.length, node.leftovers]).toEqual([1, []]);
  });

  test('files that the operator has replaced by hand since, and never loaded, are what is put back', async () => {
    await node.renew();
    for (const name of FILES) {
      await rm(join(node.dir, name));
      await writeFile(join(node.dir, name), await readFile(join(node.out, 'n1/data', name)));
    }
    await node.renew();
    const byHand = await node.read('cert.pem');
    await node.say(['true'], ', timeout: 1s');
    const { service: failed } = await node.deploy();
    expect(failed.error?.message).toMatch(/the previous files were put back and are in use$/);
    // What is served was on the disk still, one generation earlier; those that were placed by hand are kept.
    expect(await node.serves()).toBe(before);
    expect(await node.read('cert.pem')).not.toBe(byHand);
    const kept = await Promise.all(node.generations.map((name) => node.read(`${name}/cert.pem`)));
    expect(kept).toContain(byHand);
    await node.say(node.hangUp);
    expect((await node.deploy()).service.state).toBe('confirmed');
  });
});
