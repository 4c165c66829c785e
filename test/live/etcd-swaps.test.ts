import { copyFile, cp, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from '@jest/globals';
import { ServiceDirectory } from '../../src/deployment/service-directory.ts';
import { LocalHost } from '../../src/hosts/local-host.ts';
import { describeWith } from '../support/debian.ts';
import { type Hammered, whileHammered } from '../support/hammer.ts';
import { Servers } from '../support/servers.ts';
import { startEtcd } from '../support/servers-etcd.ts';
import { Authority } from './authority.ts';

const SWAPS = 600;
const ONE_BY_ONE = 60;
/** Between two swaps, at random: they must not fall into step with anything. */
const APART = 15;
const FILES = ['key.pem', 'ca.pem', 'cert.pem'];

const describeLive = await describeWith('etcd');
const servers = new Servers('etcd-swaps');

describeLive('etcd reads certificate and key at every handshake, while they are swapped', () => {
  let ca: Authority;
  let port: number;
  let directory: ServiceDirectory;
  let generations: [string, string];
  /** The files of both generations, outside of the service's directory. */
  const copies = [1, 2].map((n) => join(servers.directory, `copy-${n}`));
  const dir = join(servers.directory, 'etc');

  beforeAll(async () => {
    ca = await Authority.init(join(servers.directory, 'orders'), 'orders');
    await ca.issueInventory(
      'cluster: orders\nnodes:\n  etcd-1: { ip: [127.0.0.1], planes: [control] }\nclients: { app: {} }\n',
    );
    const [one = '', two = ''] = copies;
    await cp(ca.node('etcd-1', 'control'), one, { recursive: true });
    await ca.rotateAll();
    await cp(ca.node('etcd-1', 'control'), two, { recursive: true });
    await cp(one, dir, { recursive: true });
    directory = new ServiceDirectory(new LocalHost(), dir);
    const first = await directory.adopt(await directory.look());
    const files = FILES.map(async (name) => ({ name, mode: 0o600, content: await readFile(join(two, name)) }));
    const second = await directory.place(await Promise.all(files), undefined, await directory.look());
    generations = [first ?? '', second];
    port = (await startEtcd(servers, dir)).port;
  });

  const swapped = (count: number, swap: (n: number) => Promise<void>): Promise<Hammered> =>
    whileHammered(port, ca.client('app'), async () => {
      for (let n = 0; n < count; n++) {
        await swap(n);
        await sleep(Math.random() * APART);
      }
    });

  test('as a generation: at most one swap in a hundred costs a handshake', async () => {
    let [swaps, lost] = [0, 0];
    // Of few swaps a rate is a rough guess: one that is too high is looked at again, in more.
    for (const count of [SWAPS, 2 * SWAPS]) {
      const { handshakes, failures } = await swapped(count, (n) => directory.putBack(generations[n % 2] as string));
      expect(handshakes).toBeGreaterThan(count / 2);
      swaps += count;
      lost += failures.length;
      if (lost <= swaps / 100) break;
    }
    expect(lost).toBeLessThanOrEqual(swaps / 100);
  }, 240_000);

  test('one file after the other, it is many more: they are seen', async () => {
    const { failures } = await swapped(ONE_BY_ONE, async (n) => {
      for (const name of ['key.pem', 'cert.pem']) {
        const temporary = join(dir, `${name}.new`);
        await copyFile(join(copies[n % 2] as string, name), temporary);
        await rename(temporary, join(dir, name));
        // As an fsync between them takes.
        await sleep(2);
      }
    });
    expect(failures.length).toBeGreaterThan(ONE_BY_ONE / 100 + 3);
    expect(new Set(failures)).toEqual(new Set(['ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR']));
  });
});
