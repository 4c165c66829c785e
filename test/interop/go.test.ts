import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { run } from '../support/cli.ts';
import { executable } from '../support/debian.ts';
import { scratch } from '../support/scratch.ts';
import { describeMade, makeAll } from './support/made.ts';

// Go's crypto/x509, as etcd, Vault and every other program in Go verifies.

const go = executable('go');
if (go === undefined) process.stderr.write('Go verification skipped: go is not installed\n');
const directory = await scratch('go');

(go === undefined ? test.skip : test)(
  'everything the code makes verifies in Go, and only for its purpose and name',
  async () => {
    const made = await makeAll(directory);
    const questions = made.flatMap(({ files, certificates }) =>
      certificates.flatMap((one) =>
        ['server', 'client'].flatMap((purpose) =>
          (one.profile === 'peer' ? ['', 'n1.test.internal', '127.0.0.1', 'n2.test.internal'] : ['']).map((name) => {
            const allowed =
              one.profile === 'peer' || one.profile === purpose || (one.profile === 'probe' && purpose === 'client');
            const expected =
              name === 'n2.test.internal' ? 'name' : !allowed ? 'purpose' : one.revoked ? 'revoked' : 'ok';
            return {
              line: [files.root, one.chain, files.crls, purpose, name].join('\t'),
              what: `${describeMade(one)}, ${purpose}, ${name}`,
              expected,
            };
          }),
        ),
      ),
    );
    const program = fileURLToPath(new URL('support/verify.go', import.meta.url));
    const cache = join(directory, 'cache');
    mkdirSync(cache);
    const env = { HOME: directory, GOCACHE: cache, GO111MODULE: 'off', GOFLAGS: '', GOTOOLCHAIN: 'local' };
    const { code, stdout, stderr } = await run(go as string, ['run', program], {
      input: questions.map(({ line }) => `${line}\n`).join(''),
      env,
      timeout: 170_000,
    });
    expect([code, stderr]).toEqual([0, '']);
    const answers = stdout.trim().split('\n');
    expect(answers).toHaveLength(questions.length);
    const said = (answer: string): string => {
      if (/incompatible key usage/.test(answer)) return 'purpose';
      return /valid for|not n2/.test(answer) ? 'name' : answer;
    };
    expect(answers.map((answer, i) => [questions[i]?.what, said(answer)])).toEqual(
      questions.map(({ what, expected }) => [what, expected]),
    );
  },
  180_000,
);
