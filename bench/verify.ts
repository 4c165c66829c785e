// Path validation against the raw limit, against openssl, and with a CRL of 100,000 entries. `npm run bench -- verify`.
import { spawnSync } from 'node:child_process';
import { createPublicKey, randomBytes, verify as verifyRaw } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sha256 } from '../src/crypto/hash.ts';
import { createVerifySignature } from '../src/crypto/verify-signature.ts';
import { PathCertificate, PathCrl, verifyPath } from '../src/pki/path/index.ts';
import { encodePem } from '../src/pki/pem.ts';
import { parseCertificate } from '../src/pki/x509/certificate.ts';
import { type Entity, makeCa, makeCrl, makeLeaf, makeRoot } from '../test/support/make-pki.ts';
import { Home, median } from './support.ts';

const CHAINS = Number(process.argv[2] ?? 4000);
const PAIRS = Number(process.argv[3] ?? 21);
const ENTRIES = 100_000;
const CLUSTER_CA = fileURLToPath(new URL('../bin/cluster-ca', import.meta.url));

const validity = { notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + 86_400_000) };
const now = new Date();
const root = makeRoot('CN=Root', validity);
const issuing = makeCa('CN=Issuing', root, validity);
const leaves = Array.from({ length: CHAINS }, (_, i) =>
  makeLeaf(`CN=node-${i}`, issuing, [{ type: 'dns', value: `node-${i}.orders.internal` }], validity),
);
const line = (what: string, value: string, ratio: string): void =>
  console.log(`${what.padEnd(44)} ${value.padStart(14)}   ${ratio}`);

function perSecond(count: number, work: () => void): number {
  const start = performance.now();
  work();
  return (count * 1000) / (performance.now() - start);
}

/** Signatures a second with keys that are imported already: nothing that checks them can be faster. */
function rawLimit(): number {
  const keys = [root, issuing].map(({ der }) =>
    createPublicKey({ key: Buffer.from(parseCertificate(der).publicKey.der), format: 'der', type: 'spki' }),
  );
  const parsed = leaves.map(({ der }) => parseCertificate(der));
  return perSecond(parsed.length, () => {
    for (const { tbs, signature } of parsed) verifyRaw('sha256', tbs, keys[1] as never, signature);
  });
}

function chains(): number {
  const verify = createVerifySignature();
  const options = { purposes: ['any'] };
  const anchors = [new PathCertificate(root.der, 'anchor', sha256)];
  const untrusted = [new PathCertificate(issuing.der, 'untrusted', sha256)];
  return perSecond(leaves.length, () => {
    for (const { der } of leaves)
      if (!verifyPath({ target: { der }, anchors, untrusted, now, options, verify, sha256 }).valid)
        throw new Error('a chain does not validate');
  });
}

const rounds = Array.from({ length: 5 }, () => ({ raw: rawLimit(), chains: chains() }));
const raw = median(rounds.map((round) => round.raw));
const validated = median(rounds.map((round) => round.chains));
line('signatures checked, raw', `${raw.toFixed(0)}/s`, 'P-256, keys imported before');
line(
  'chains of three certificates validated',
  `${validated.toFixed(0)}/s`,
  `${median(rounds.map((round) => (2 * round.chains) / round.raw)).toFixed(2)} of the raw limit of two signatures each`,
);

const home = new Home();
try {
  const pem = (name: string, { der }: Entity): string => {
    const path = join(home.path, name);
    writeFileSync(path, encodePem('CERTIFICATE', der));
    return path;
  };
  const files = {
    root: pem('root.pem', root),
    issuing: pem('issuing.pem', issuing),
    leaf: pem('leaf.pem', leaves[0] as Entity),
  };
  const env = { PATH: process.env.PATH ?? '', HOME: home.path };
  const timed = (file: string, args: string[]): number => {
    const start = performance.now();
    const { status, stderr } = spawnSync(file, args, { env });
    if (status !== 0) throw new Error(`${file} ${args.join(' ')}: ${stderr}`);
    return performance.now() - start;
  };
  const ours = (): number =>
    timed(process.execPath, [CLUSTER_CA, 'verify', files.leaf, '--trust', files.root, '--untrusted', files.issuing]);
  const openssl = (): number =>
    timed('openssl', ['verify', '-CAfile', files.root, '-untrusted', files.issuing, files.leaf]);
  const node = (): number => timed(process.execPath, ['-e', '0']);
  for (const warm of [ours, openssl, node]) warm();
  const pairs = Array.from({ length: PAIRS }, () => ({ ours: ours(), openssl: openssl(), node: node() }));
  line(
    'cluster-ca verify, a whole process',
    `${median(pairs.map((pair) => pair.ours)).toFixed(0)} ms`,
    `${median(pairs.map((pair) => pair.ours / pair.node)).toFixed(2)} × node -e 0, ${median(pairs.map((pair) => pair.ours / pair.openssl)).toFixed(1)} × openssl verify (which starts no Node)`,
  );
} finally {
  home.remove();
}

const serials = Array.from({ length: ENTRIES }, () => Uint8Array.of(0x40, ...randomBytes(19)));
const crlOf = (issuer: Entity, list: Uint8Array[]): Uint8Array =>
  makeCrl({
    issuer: issuer.name,
    key: issuer.key,
    entries: list.map((serial) => ({ serial })),
    thisUpdate: validity.notBefore,
    nextUpdate: validity.notAfter,
  });
const ders = [crlOf(issuing, serials), crlOf(root, [])];
const verify = createVerifySignature();
const check = (crls: { der: Uint8Array }[] | PathCrl[], leaf: Entity): boolean =>
  verifyPath({
    target: { der: leaf.der },
    anchors: [{ der: root.der }],
    untrusted: [{ der: issuing.der }],
    crls,
    now,
    verify,
    sha256,
  }).valid;
const revoked = makeLeaf('CN=gone', issuing, [], { ...validity, serial: serials[ENTRIES / 2] as Uint8Array });
const start = performance.now();
const crls = ders.map((der) => new PathCrl(der, sha256));
if (!check(crls, leaves[0] as Entity) || check(crls, revoked)) throw new Error('the CRL was not read');
const first = performance.now() - start;
line(
  `a CRL of ${ENTRIES} entries read and searched`,
  `${first.toFixed(0)} ms`,
  `${((ders[0]?.length ?? 0) / 1e6).toFixed(1)} MB`,
);
const again = perSecond(500, () => {
  for (let i = 0; i < 500; i++) check(crls, leaves[i] as Entity);
});
line(
  '  and each further path against it',
  `${again.toFixed(0)}/s`,
  `${(again / validated).toFixed(2)} of the paths without CRLs`,
);
