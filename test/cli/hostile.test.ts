import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { RunResult } from '../support/cli.ts';
import { newCluster } from '../support/clusters.ts';
import { expectSafe } from './checks.ts';
import { makeCertificate, makeRequest, openssl } from './x509.ts';

// No raw C0, C1, DEL or bidi character from a certificate, a request, a file or an argument reaches a terminal.
const cluster = await newCluster();
const { ca, directory } = cluster;
const at = (name: string): string => join(directory, name);

const NASTY = [
  ['controls', 'a\u001b[31mred\u001b]0;title\u0007 \u009b31m\u0085 evil\rgood\b\b\t\u007f'],
  ['lines of its own', 'x\ncluster-ca: error: not me\nvalid: true'],
  ['turned writing', 'gpj\u202eexe.\u2066abc\u2069\u200f\u061c\u2028b\u2029c'],
] as const;

function expectSafeRun(result: RunResult): void {
  expectSafe(result.stdout);
  expectSafe(result.stderr);
  expect(result.code).not.toBe(1);
}

/** The words of text, in both forms of output; a forged line is recognised by what it begins with. */
async function inspectBoth(args: string[]): Promise<void> {
  for (const flags of [['--debug'], ['--json']]) {
    const result = await ca([...args, ...flags]);
    expectSafeRun(result);
    expect(result.stdout).not.toMatch(/^valid: true$/m);
    expect(result.stderr).not.toMatch(/^cluster-ca: error: not me$/m);
    if (flags[0] === '--json' && result.stdout !== '') JSON.parse(result.stdout);
  }
}

describe.each(NASTY)('%s', (what, text) => {
  const name = what.replaceAll(/[^a-z]/g, '');

  test('in the subject and names of a certificate', async () => {
    await makeCertificate(at(`c-${name}`), {
      subject: `/O=${text.replaceAll('/', '')}/CN=${text.replaceAll('/', '')}`,
      extensions: ['basicConstraints=critical,CA:TRUE'],
    });
    await makeCertificate(at(`e-${name}`), { subject: `/CN=${text}`, issuer: at(`c-${name}`) });
    for (const file of [`./c-${name}.pem`, `./e-${name}.pem`].map((path) => at(path))) {
      await inspectBoth(['inspect', file]);
      await inspectBoth(['verify', file]);
      await inspectBoth(['verify', file, '--trust', at(`c-${name}.pem`)]);
      await inspectBoth(['revoke', file, '--yes']);
    }
    await inspectBoth(['inspect', at(`c-${name}.pem`), at(`e-${name}.pem`)]);
  });

  test('in a CRL’s issuer', async () => {
    await writeFile(at('index.txt'), '');
    await writeFile(
      at('ca.cnf'),
      [
        '[ca]',
        'default_ca=d',
        '[d]',
        `database=${at('index.txt')}`,
        'default_md=sha256',
        'default_crl_days=9',
        '',
      ].join('\n'),
    );
    const [cert, key] = [at(`c-${name}.pem`), at(`c-${name}.key`)];
    await openssl([
      'ca',
      '-config',
      at('ca.cnf'),
      '-gencrl',
      '-cert',
      cert,
      '-keyfile',
      key,
      '-out',
      at(`${name}.crl`),
    ]);
    await inspectBoth(['inspect', at(`${name}.crl`)]);
    await inspectBoth(['verify', at(`e-${name}.pem`), '--trust', cert, '--crl', at(`${name}.crl`)]);
  });

  test('in a request', async () => {
    const csr = await makeRequest(at(`r-${name}`), { subject: `/CN=${text}` });
    await inspectBoth(['inspect', csr]);
    await inspectBoth(['issue', 'h1', '--plane', 'data', '--dry-run', '--csr', csr]);
  });

  test('in the names of a request', async () => {
    const file = at(`s-${name}.ext`);
    const hex = Buffer.from(text)
      .toString('hex')
      .toUpperCase()
      .replaceAll(/(..)(?!$)/g, '$1:');
    // A SAN whose dNSName holds the bytes as they are.
    const length = Buffer.byteLength(text);
    const byte = (n: number): string => n.toString(16).padStart(2, '0').toUpperCase();
    const extension = `2.5.29.17=DER:30:${byte(length + 2)}:82:${byte(length)}:${hex}`;
    await writeFile(file, extension);
    const csr = await makeRequest(at(`s-${name}`), { extensions: [extension] });
    await inspectBoth(['inspect', csr]);
    await inspectBoth(['issue', 'h1', '--plane', 'data', '--csr', csr]);
  });

  test('in arguments', async () => {
    for (const args of [
      ['issue', text],
      ['issue', 'n1', '--dns', text],
      ['issue', 'n1', '--plane', text],
      ['issue', '--client', text],
      ['issue', 'n1', '--lifetime', text],
      ['rotate', text],
      ['revoke', text, '--yes'],
      ['inspect', text],
      ['verify', `./${text}`],
      ['list', '--node', text],
      ['list', '--keystore', `/nonexistent/${text}`],
      [text],
      ['list', `--${text}`],
      ['init', text],
    ])
      await inspectBoth(args);
  });

  test('in the name of a file and of a directory', async () => {
    const place = at(`dir-${text.replaceAll('/', '')}`);
    await mkdir(place, { recursive: true });
    await writeFile(join(place, 'words'), 'hello');
    await inspectBoth(['inspect', join(place, 'words')]);
    await inspectBoth(['issue', `out-${name}`, '--plane', 'data', '--out', place]);
    await inspectBoth(['crl', '--out', join(place, 'crl.pem')]);
  });

  test('in an inventory', async () => {
    const file = at(`inventory-${name}.yaml`);
    await writeFile(file, `cluster: orders\nnodes:\n  n1: { ${JSON.stringify(text)}: 1 }\n`);
    await inspectBoth(['issue', '--inventory', file]);
    await writeFile(file, `cluster: ${JSON.stringify(text)}\nnodes: { n1: { } }\n`);
    await inspectBoth(['issue', '--inventory', file]);
  });
});
