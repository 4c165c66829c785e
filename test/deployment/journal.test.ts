import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Servers } from '../support/servers.ts';
import { Deployed } from './deployed.ts';

const servers = new Servers('deploy-journal');

interface Alert {
  name: string;
  subject: string;
  hint: string;
}

// What a run leaves undone is remembered, and nothing that looks like its end forgets it.
describe('what is undone', () => {
  let node: Deployed;
  /** The run is killed between the files and the reload. */
  const KILL = ['sh', '-c', 'kill -9 $PPID'];

  const alerts = async (): Promise<string[]> => {
    const { code, json } = await node.run(['status']);
    const found = (json().alerts as Alert[]).filter(({ name }) => name.startsWith('node_deployment'));
    expect(code).toBe(found.length > 0 ? 4 : 0);
    return found.map(({ name, subject }) => `${name} ${subject}`);
  };
  const newest = async (): Promise<string> =>
    (await node.ok('list', '--node', 'n1', '--status', 'valid')).json().certificates[0].fingerprint;
  const staged = (): string => join(node.env.XDG_STATE_HOME as string, 'cluster-ca/deploying');
  const stagedKey = (): boolean => {
    const [id] = existsSync(staged()) ? [node.keystoreId] : [];
    return id !== undefined && existsSync(join(staged(), id, 'n1/data/key.pem'));
  };

  beforeAll(async () => {
    node = await new Deployed(servers, 'journal').begin();
  });

  beforeEach(async () => {
    await node.say(node.hangUp);
    expect((await node.run(['deploy', '--from', node.out])).code).toBe(0);
    expect(await alerts()).toEqual([]);
  });

  test('a rotation that was killed shows, and the timer finishes it though nothing is due', async () => {
    await node.say(KILL);
    expect((await node.run(['rotate', 'n1', '--deploy'])).signal).toBe('SIGKILL');
    expect(await alerts()).toEqual(['node_deployment_pending n1/data']);
    expect(stagedKey()).toBe(true);
    await node.say(node.hangUp);
    const timer = await node.run(['rotate', '--due', '--deploy']);
    expect([timer.code, timer.json().certificates, timer.json().services[0].state]).toEqual([0, [], 'confirmed']);
    expect([await node.serves(), await alerts(), node.leftovers]).toEqual([await newest(), [], []]);
    // And then there is nothing: no secret is asked for.
    const again = await node.run(['rotate', '--due', '--deploy'], {
      env: { CLUSTER_CA_KEY_FILE: join(node.home, 'nonexistent') },
    });
    expect([again.code, again.json().services]).toEqual([0, []]);
  });

  test('so does one with --out, whose key is there', async () => {
    await node.say(KILL);
    expect((await node.run(['rotate', 'n1', '--deploy', '--out', node.out])).signal).toBe('SIGKILL');
    expect(await alerts()).toEqual(['node_deployment_pending n1/data']);
    await node.say(node.hangUp);
    const timer = await node.run(['rotate', '--due', '--deploy', '--out', node.out]);
    expect([timer.code, timer.json().services[0].state]).toEqual([0, 'confirmed']);
    expect([await node.serves(), await alerts(), node.leftovers]).toEqual([await newest(), [], []]);
  });

  test('a node that was down is done by the timer once it is up', async () => {
    await node.stop();
    const down = await node.run(['rotate', 'n1', '--deploy']);
    expect([down.code, down.json().services[0].state]).toEqual([3, 'pending']);
    const still = await node.run(['rotate', '--due', '--deploy']);
    expect([still.code, still.json().services[0].state, await alerts()]).toEqual([
      3,
      'pending',
      ['node_deployment_pending n1/data'],
    ]);
    expect(node.generations.length).toBe(2);
    await node.start();
    const up = await node.run(['rotate', '--due', '--deploy']);
    expect([up.code, up.json().services[0].state]).toEqual([0, 'confirmed']);
    expect([await node.serves(), await alerts(), node.leftovers, node.generations.length]).toEqual([
      await newest(),
      [],
      [],
      1,
    ]);
  });

  test('a new CRL in between settles nothing, and takes no staged key away', async () => {
    const withCrl = (command: string[]): Promise<void> => node.say(command, ', crl: every-level');
    await withCrl(node.hangUp);
    expect((await node.deploy()).service.state).toBe('confirmed');
    // The new certificate is issued and nowhere: the directory cannot be written.
    await rm(`${node.dir}.kept`, { recursive: true, force: true });
    await node.say(
      `[{ kind: exec, plane: data, address: "127.0.0.1:${node.port}", dir: /proc/no, reload: { command: ${JSON.stringify(node.hangUp)}, crl: every-level } }]`,
    );
    const failed = await node.run(['rotate', 'n1', '--deploy']);
    expect([failed.code, failed.json().services[0].state]).toEqual([3, 'failed']);
    expect(stagedKey()).toBe(true);
    await withCrl(node.hangUp);
    const before = await node.serves();
    const crl = await node.read('crl.pem');
    const revoked = await node.run(['revoke', 'app', '--yes', '--inventory', node.inventory]);
    expect([revoked.code, revoked.json().services[0].state, revoked.json().services[0].served]).toEqual([
      0,
      'confirmed',
      before,
    ]);
    expect(await node.read('crl.pem')).not.toBe(crl);
    expect([await alerts(), stagedKey()]).toEqual([['node_deployment_failed n1/data'], true]);
    // The server does not look at CRLs, so app may ask still.
    const done = await node.run(['deploy']);
    expect([done.code, done.json().services[0].state]).toEqual([0, 'confirmed']);
    expect([await node.serves(), await alerts(), stagedKey(), node.leftovers]).toEqual([await newest(), [], false, []]);
  });

  test('a new CRL where a run was killed: both are made known', async () => {
    const withCrl = (command: string[]): Promise<void> => node.say(command, ', crl: every-level');
    await withCrl(node.hangUp);
    await node.deploy();
    await withCrl(KILL);
    expect((await node.run(['rotate', 'n1', '--deploy'])).signal).toBe('SIGKILL');
    await withCrl(node.hangUp);
    await node.ok('issue', '--client', 'other', '--out', node.out);
    const revoked = await node.run(['revoke', 'other', '--yes', '--inventory', node.inventory]);
    expect([revoked.code, revoked.json().services[0]]).toEqual([
      0,
      expect.objectContaining({ state: 'confirmed', served: await newest() }),
    ]);
    expect([await node.serves(), node.generations.length]).toEqual([await newest(), 1]);
    expect((await node.run(['deploy'])).json().services[0].state).toBe('unchanged');
    expect([await alerts(), node.leftovers]).toEqual([[], []]);
  });

  test('a server that never listened: placed, again and again, also after a run that was killed', async () => {
    const dir = join(node.home, 'never');
    const unheard = (command: string[]): string =>
      `[{ kind: exec, plane: data, address: "127.0.0.1:1", dir: ${dir}, reload: { command: ${JSON.stringify(command)} } }]`;
    await node.say(unheard(['true']));
    await node.renew();
    const first = await node.deploy();
    expect([first.code, first.service]).toEqual([0, expect.objectContaining({ state: 'placed' })]);
    const second = await node.deploy();
    expect([second.code, second.service.state]).toEqual([0, 'unchanged']);
    // As it is between the links of a first run.
    for (const name of ['cert.pem', 'ca.pem']) await rm(join(dir, name));
    const third = await node.deploy();
    expect([third.code, third.service.state]).toEqual([0, 'placed']);
    expect(await alerts()).toEqual([]);
    await node.say(node.hangUp);
  });

  test('a service that failed, and that the inventory has no more, is not waited for', async () => {
    await node.renew();
    await node.say(`[{ kind: files, plane: data, dir: /proc/no }]`);
    expect((await node.deploy()).service.state).toBe('failed');
    expect(await alerts()).toEqual(['node_deployment_failed n1/data']);
    await node.say(node.hangUp);
    expect((await node.deploy()).service.state).toBe('confirmed');
    expect(await alerts()).toEqual([]);
  });

  test('a keystore that cannot be written at the end: what was done is told, with a warning', async () => {
    const wanted = await node.renew();
    const lock = join(node.home, 'ca/lock');
    // From the reload on somebody else has the turn, and keeps it.
    const hold = `echo '{"host":"elsewhere","pid":1}' >${lock}; (i=0; while [ $i -lt 60 ]; do touch -c ${lock}; sleep 0.1; i=$((i+1)); done; rm -f ${lock}) >/dev/null 2>&1 & ${node.hangUp[2]}`;
    await node.say(['sh', '-c', hold]);
    const { code, json, stderr } = await node.run(['deploy', '--from', node.out, '--wait', '1s']);
    expect([code, stderr, json().services[0].state, json().services[0].served]).toEqual([0, '', 'confirmed', wanted]);
    expect(json().warnings).toEqual([
      expect.stringMatching(/^what it came to is not in the log.*being written by somebody else/),
    ]);
    await node.say(node.hangUp);
    expect((await node.run(['deploy', '--from', node.out])).json().services[0].state).toBe('unchanged');
  });

  test('the passphrase in the environment is not handed to a reload', async () => {
    const environment = join(node.home, 'environment');
    await node.say(['sh', '-c', `env >${environment}; ${node.hangUp[2]}`]);
    await node.renew();
    const result = await node.run(['deploy', '--from', node.out], {
      env: { CLUSTER_CA_PASSPHRASE: 'do not hand this on' },
    });
    expect(result.code).toBe(0);
    const seen = await readFile(environment, 'utf8');
    expect(seen).toContain('HOME=');
    expect(seen).not.toContain('do not hand this on');
  });

  test('--from: a name that is no directory is 2; one that is a file', async () => {
    const file = join(node.home, 'a-file');
    await writeFile(file, '');
    for (const [from, message] of [
      ['no-such-directory', /no-such-directory does not exist/],
      [file, /a-file is not a directory/],
    ] as const) {
      const { code, stdout, error } = await node.run(['deploy', '--from', from]);
      expect([code, stdout, error().error.message]).toEqual([2, '', expect.stringMatching(message)]);
    }
    await mkdir(join(node.home, 'empty'), { recursive: true });
    expect((await node.run(['deploy', '--from', join(node.home, 'empty')])).code).toBe(0);
  });

  // The last one: this node is gone then.
  test('of a node that was revoked nothing is left undone', async () => {
    await node.stop();
    expect((await node.run(['rotate', 'n1', '--deploy'])).code).toBe(3);
    expect(await alerts()).toEqual(['node_deployment_pending n1/data']);
    await node.ok('revoke', 'n1', '--reason', 'cessationOfOperation', '--yes');
    expect(await alerts()).toEqual([]);
  });
});
