import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bench, keystoreWith, newBench, type Operation } from './bench.ts';
import { changePassphrase } from './change-passphrase.ts';
import { rollovers } from './rollovers.ts';

/** @param apart the root domain, and the key file, are elsewhere */
async function initOne(bench: Bench, apart = false): Promise<Operation> {
  const { subject, ...setting } = bench.keyed({}, apart ? 'keys/key' : 'key');
  const rootKeystore = join(bench.directory, 'medium/root');
  const args = ['init', 'orders', '--json', ...(apart ? ['--root-keystore', rootKeystore] : [])];
  return {
    ...setting,
    subject: apart ? { ...subject, rootKeystore } : subject,
    ...(await bench.prepare(undefined, async () => {})),
    args,
    again: args,
    // Killed when the keystore stood there already, there is nothing left to do.
    already: (before) => (before === undefined ? undefined : 'ERR_EXISTS'),
  };
}

async function issueOne(bench: Bench): Promise<Operation> {
  const args = ['issue', 'n1', '--json'];
  return { ...bench.keyed(), ...(await keystoreWith(bench)), args, again: args };
}

async function issueFleet(bench: Bench): Promise<Operation> {
  const inventory = join(bench.directory, 'fleet.yaml');
  const nodes = ['a', 'b', 'c', 'd'].map((node) => `  ${node}: { ip: [10.0.0.1] }`);
  const prepared = await bench.prepare(await keystoreWith(bench), () =>
    writeFile(inventory, ['cluster: orders', 'nodes:', ...nodes, ''].join('\n')),
  );
  const args = ['issue', '--inventory', inventory, '--json'];
  return { ...bench.keyed(), ...prepared, args, again: args };
}

async function rotateOne(bench: Bench): Promise<Operation> {
  const prepared = await keystoreWith(bench, ['issue', 'n1', 'n2']);
  return { ...bench.keyed(), ...prepared, args: ['rotate', 'n1', '--json'], again: ['issue', 'n1', '--json'] };
}

async function revokeOne(bench: Bench): Promise<Operation> {
  const prepared = await keystoreWith(bench, ['issue', 'n1', 'n2', '--plane', 'data'], ['revoke', 'n2', '--yes']);
  const args = ['revoke', 'n1', '--yes', '--reason', 'keyCompromise', '--json'];
  return { ...bench.keyed(), ...prepared, args, again: args, keepsNothing: true };
}

async function rewrapAll(bench: Bench): Promise<Operation> {
  const args = ['keystore', 'rewrap', '--confirm', 'orders', '--json'];
  return { ...bench.keyed(), ...(await keystoreWith(bench, ['issue', 'n1'])), args, again: args };
}

const OPERATIONS: Record<string, (bench: Bench) => Promise<Operation>> = {
  init: (bench) => initOne(bench),
  'init with a root domain elsewhere': (bench) => initOne(bench, true),
  'issue of one node': issueOne,
  'issue of a fleet': issueFleet,
  rotate: rotateOne,
  revoke: revokeOne,
  rewrap: rewrapAll,
  passphrase: changePassphrase,
  ...rollovers,
};

/** How an operation is made ready, when its turn has come: all work in one place, one after the other. */
export type Made = () => Promise<Operation>;

/** Each of them by its name. Call it at the top level of a test file. */
export async function allOperations(): Promise<[name: string, make: Made][]> {
  const bench = await newBench();
  return Object.entries(OPERATIONS).map(([name, make]) => [name, () => make(bench)]);
}
