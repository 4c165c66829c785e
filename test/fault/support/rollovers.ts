import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { liveAuthorities, phaseOf } from '../../../src/keystore/hierarchy.ts';
import type { Phase } from '../../../src/rollover/phase.ts';
import { type Bench, keystoreWith, type Operation, once, type Prepared, ready } from './bench.ts';
import type { Truth } from './invariant.ts';

// A root CA is replaced for two nodes whose services are nothing but files.

const NODES = ['n1', 'n2'];
const ALONG: readonly Phase[] = ['stable', 'prepared', 'distribute', 'issue-new', 'retire', 'done'];
const [START, ADVANCE, BACK] = ['start', 'advance', 'rollback'].map((verb) => [
  'rollover',
  verb,
  '--yes',
  '--json',
]) as [string[], string[], string[]];

/** Each node's directory. */
const servicesOf = ({ directory }: Bench): Record<string, string> =>
  Object.fromEntries(NODES.map((node) => [node, join(directory, node)]));

/** Where a rollover of files stands in a phase. */
const arrived = (bench: Bench, phase: Phase): Promise<Prepared> => once(bench, phase, () => arriveIn(bench, phase));

async function arriveIn(bench: Bench, phase: Phase): Promise<Prepared> {
  const inventory = inventoryOf(bench);
  if (phase !== 'stable') {
    const before = await arrived(bench, ALONG[ALONG.indexOf(phase) - 1] as Phase);
    return bench.prepare(before, (ledger) =>
      ready(bench.keyed({ CLUSTER_CA_INVENTORY: inventory }), ledger, [
        'rollover',
        phase === 'prepared' ? 'start' : 'advance',
        '--yes',
      ]),
    );
  }
  const nodes = NODES.map(
    (node) => `  ${node}: { planes: [data], services: [{ kind: files, dir: ${bench.directory}/${node} }] }`,
  );
  return bench.prepare(await keystoreWith(bench), async (ledger) => {
    await writeFile(inventory, ['cluster: orders', 'nodes:', ...nodes, ''].join('\n'));
    await ready(bench.keyed(), ledger, ['issue', '--inventory', inventory]);
    await ready(bench.keyed(), ledger, ['deploy', '--inventory', inventory, '--yes']);
  });
}

const inventoryOf = ({ directory }: Bench): string => join(directory, 'cluster.yaml');

/** A step of a rollover from a phase. @param leads where the same command leads to from each phase that it may be run in */
function stepOf(
  args: string[],
  from: Phase,
  leads: Partial<Record<Phase, Phase>>,
): (bench: Bench) => Promise<Operation> {
  return async (bench) => {
    const { subject, ...setting } = bench.keyed({ CLUSTER_CA_INVENTORY: inventoryOf(bench) });
    const services = servicesOf(bench);
    const phaseIn = ({ keystore }: Truth): Phase => phaseOf(keystore.state);
    return {
      ...setting,
      subject: { ...subject, services },
      ...(await arrived(bench, from)),
      args,
      again: args,
      already: (before) => (before !== undefined && leads[phaseIn(before)] === undefined ? 'ERR_STATE' : undefined),
      async more(truth, before) {
        const phase = phaseIn(truth);
        // No phase is skipped, and none is left half done.
        if (before !== undefined) expect(phase).toBe(leads[phaseIn(before)] ?? phaseIn(before));
        await expectTrust(Object.values(services));
        if (before !== undefined && (phase === 'done' || phase === 'stable')) await expectLiveKeys(truth);
      },
    };
  };
}

/** Every service accepts every other's certificate, and each has the key of its own: in whichever state files are. */
async function expectTrust(services: string[]): Promise<void> {
  const shown = await Promise.all(
    services.map(async (directory) => {
      const pem = (name: string): Promise<string> => readFile(join(directory, name), 'utf8');
      const [leaf, issuer] = certificatesIn(await pem('cert.pem')) as [X509Certificate, X509Certificate];
      expect([directory, leaf.verify(issuer.publicKey)]).toEqual([directory, true]);
      expect([directory, await pem('key.pem').then((key) => leaf.checkPrivateKey(createPrivateKey(key)))]).toEqual([
        directory,
        true,
      ]);
      return { directory, issuer, anchors: certificatesIn(await pem('ca.pem')) };
    }),
  );
  for (const one of shown)
    for (const other of shown)
      expect([
        one.directory,
        other.directory,
        one.anchors.some((anchor) => other.issuer.verify(anchor.publicKey)),
      ]).toEqual([one.directory, other.directory, true]);
}

const certificatesIn = (pem: string): X509Certificate[] =>
  (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (one) => new X509Certificate(one),
  );

/** The keys of the CAs that there are, and the audit key: nothing of a root that is gone, nor of a killed start. */
async function expectLiveKeys({ keystore }: Truth): Promise<void> {
  const { state } = keystore;
  const named = [...liveAuthorities(state), state.audit].map(({ sealed }) => `${sealed.keyId}.${sealed.epoch}`);
  expect((await readdir(join(keystore.store.location, 'sealed'))).sort()).toEqual(named.sort());
}

const NEXT: Partial<Record<Phase, Phase>> = {
  prepared: 'distribute',
  distribute: 'issue-new',
  'issue-new': 'retire',
  retire: 'done',
};

export const rollovers: Record<string, (bench: Bench) => Promise<Operation>> = {
  'rollover start': stepOf(START, 'stable', { stable: 'prepared' }),
  'rollover advance to distribute': stepOf(ADVANCE, 'prepared', NEXT),
  'rollover advance to issue-new': stepOf(ADVANCE, 'distribute', NEXT),
  'rollover advance to retire': stepOf(ADVANCE, 'issue-new', NEXT),
  'rollover advance to done': stepOf(ADVANCE, 'retire', NEXT),
  'rollover rollback': stepOf(BACK, 'issue-new', { 'issue-new': 'stable', rollback: 'stable' }),
};
