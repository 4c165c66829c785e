import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DirectoryStore } from '../../../src/keystore/directory/directory-store.ts';
import { Keystore } from '../../../src/keystore/keystore.ts';
import { done } from '../../cli/checks.ts';
import { cli, type RunOptions, type RunResult } from '../../support/cli.ts';
import { type Cluster, newCluster, newPlace } from '../../support/clusters.ts';
import { Ledger, type Subject } from './invariant.ts';
import type { Target } from './preload.ts';

/** One run that a fault befalls, and the command that must end well after it. */
export interface Scene {
  target: Target;
  subject: Subject;
  ledger: Ledger;
  args: string[];
  /** What is run afterwards. */
  again: string[];
  run(args: string[], options?: RunOptions): Promise<RunResult>;
  /** Exit codes of `again` that are right: 0, and what says that it was done already. */
  codes: number[];
  /** Between the fault and the next command: sees what opens the keystore now. */
  between?(): Promise<void>;
}

/** Something that changes a keystore, as often as wanted. */
export interface Operation {
  /** What was valid before the next command is so afterwards: what was committed is finished, not made anew. */
  keeps: boolean;
  /** Makes ready for the next run: another node, another place. */
  scene(): Promise<Scene>;
}

const keyed = (cluster: Cluster): Pick<Scene, 'target' | 'subject' | 'ledger' | 'run' | 'codes'> => {
  const { directory, env, out, keystore, keyFile } = cluster;
  const subject = { keystore, keyFile, out, env };
  return { target: { directory, env, out }, subject, ledger: ledgerOf(cluster), run: cluster.ca, codes: [0] };
};

let last = 0;
const next = (): number => ++last;

const ledgers = new WeakMap<object, Ledger>();
function ledgerOf(cluster: object): Ledger {
  const there = ledgers.get(cluster) ?? new Ledger();
  ledgers.set(cluster, there);
  return there;
}

async function issueOne(): Promise<Operation> {
  const cluster = await newCluster({ name: 'one' });
  return {
    keeps: true,
    async scene() {
      const i = next();
      const args = ['issue', `n${i}`, '--json'];
      return { ...keyed(cluster), args, again: args };
    },
  };
}

async function issueFleet(): Promise<Operation> {
  const cluster = await newCluster({ name: 'fleet' });
  return {
    keeps: true,
    async scene() {
      const i = next();
      const file = join(cluster.directory, 'fleet.yaml');
      const nodes = ['a', 'b', 'c', 'd'].map((node) => `  f${i}-${node}: { ip: [10.0.0.1] }`);
      await writeFile(file, ['cluster: fleet', 'nodes:', ...nodes, ''].join('\n'));
      const args = ['issue', '--inventory', file, '--json'];
      return { ...keyed(cluster), args, again: args };
    },
  };
}

async function rotateOne(): Promise<Operation> {
  const cluster = await newCluster({ name: 'rotate' });
  await done(cluster.ca, ['issue', 'n1', 'n2']);
  return {
    keeps: true,
    async scene() {
      return { ...keyed(cluster), args: ['rotate', 'n1', '--json'], again: ['issue', 'n1', '--json'] };
    },
  };
}

async function revokeOne(): Promise<Operation> {
  const cluster = await newCluster({ name: 'revoke' });
  return {
    keeps: false,
    async scene() {
      const i = next();
      const node = `n${i}`;
      const { ledger, ...rest } = keyed(cluster);
      ledger.note(await cluster.ca(['issue', node, '--plane', 'data', '--json']));
      const args = ['revoke', node, '--yes', '--reason', 'keyCompromise', '--json'];
      return { ...rest, ledger, args, again: args };
    },
  };
}

async function initOne(apart = false): Promise<Operation> {
  const place = await newPlace('init');
  return {
    keeps: true,
    async scene() {
      const i = next();
      const directory = await place.dir(`init-${i}`);
      const [keystore, keyFile] = [join(directory, 'keystore'), join(directory, 'key')];
      const env = {
        ...place.env,
        XDG_STATE_HOME: join(directory, 'state'),
        CLUSTER_CA_KEYSTORE: keystore,
        CLUSTER_CA_KEY_FILE: keyFile,
      };
      const rootKeystore = join(await place.dir(`init-${i}/medium`), 'root');
      const args = ['init', 'orders', '--json', ...(apart ? ['--root-keystore', rootKeystore] : [])];
      return {
        target: { directory, env, out: directory },
        subject: { keystore, keyFile, out: directory, env, ...(apart ? { rootKeystore } : {}) },
        ledger: new Ledger(),
        args,
        again: args,
        run: (words, options = {}) => cli(words, { cwd: directory, ...options, env: { ...env, ...options.env } }),
        // Killed when the keystore stood there already, there is nothing left to do.
        codes: [0, 6],
      };
    },
  };
}

async function rewrapAll(): Promise<Operation> {
  const cluster = await newCluster({ name: 'rewrap' });
  await done(cluster.ca, ['issue', 'n1']);
  return {
    keeps: true,
    async scene() {
      const args = ['keystore', 'rewrap', '--confirm', 'rewrap', '--json'];
      return { ...keyed(cluster), args, again: args };
    },
  };
}

/** The passphrase goes to and fro between two; which of them opens the keystore after a fault is what the log says. */
async function changePassphrase(): Promise<Operation> {
  const place = await newPlace('passphrase');
  const keystore = join(place.directory, 'keystore');
  const files: [string, string] = [join(place.directory, 'first'), join(place.directory, 'second')];
  await writeFile(files[0], 'the first passphrase of the two\n', { mode: 0o600 });
  await writeFile(files[1], 'the second passphrase of the two\n', { mode: 0o600 });
  const out = await place.dir('out');
  const env = { ...place.env, CLUSTER_CA_KEYSTORE: keystore };
  const run = (args: string[], options: RunOptions = {}) => cli(args, { cwd: out, ...options, env });
  await done(run, ['init', 'orders', '--passphrase-file', files[0]]);
  let [opens, other] = files;
  const live = async (): Promise<string> => {
    const store = new DirectoryStore(keystore, { groupRead: false });
    return (await Keystore.open(store, { anchors: undefined })).state.slots.map(({ id }) => id).join();
  };
  let slots = await live();
  return {
    keeps: true,
    async scene() {
      const i = next();
      const again = ['issue', `n${i}`, '--plane', 'data', '--json', '--passphrase-file', opens];
      return {
        target: { directory: place.directory, env, out },
        subject: { keystore, out, env },
        ledger: ledgerOf(place),
        args: ['keystore', 'passphrase', '--json', '--passphrase-file', opens, '--new-passphrase-file', other],
        again,
        run,
        codes: [0],
        async between() {
          const now = await live();
          if (now === slots) return;
          slots = now;
          [opens, other] = [other, opens];
          again[again.length - 1] = opens;
        },
      };
    },
  };
}

/** One of each, in keystores of their own. Call it at the top level of a test file. */
export async function allOperations(): Promise<[name: string, operation: Operation][]> {
  const made = [];
  for (const [name, make] of Object.entries(OPERATIONS)) made.push([name, await make()] as [string, Operation]);
  return made;
}

const OPERATIONS: Record<string, () => Promise<Operation>> = {
  init: () => initOne(),
  'init with a root domain elsewhere': () => initOne(true),
  'issue of one node': issueOne,
  'issue of a fleet': issueFleet,
  rotate: rotateOne,
  revoke: revokeOne,
  rewrap: rewrapAll,
  passphrase: changePassphrase,
};
