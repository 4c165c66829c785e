import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe } from '@jest/globals';
import { run } from './cli.ts';
import { describeWith, program } from './debian.ts';

/** SoftHSM's PKCS#11 library, where Debian puts it. */
const PLACES = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so'];

/** `describe` for tests that need a token: SoftHSM, and the optional package that was built at install, or not. */
export async function describeWithToken(): Promise<(name: string, tests: () => void) => void> {
  const withSoftHsm = await describeWith('softhsm2-util');
  try {
    createRequire(import.meta.url)('node-webcrypto-p11');
    return withSoftHsm;
  } catch {
    const reason = 'node-webcrypto-p11 is not installed';
    process.stderr.write(`token test skipped: ${reason}\n`);
    return (name, tests) => describe.skip(`${name} (skipped: ${reason})`, tests);
  }
}

/** Tokens in files of a directory of their own. */
export class SoftHsm {
  static readonly PIN = '1234';
  readonly directory: string;
  readonly library: string;
  readonly env: { SOFTHSM2_CONF: string };

  private constructor(directory: string, library: string) {
    this.directory = directory;
    this.library = library;
    this.env = { SOFTHSM2_CONF: join(directory, 'softhsm2.conf') };
  }

  static async make(directory: string, ...labels: string[]): Promise<SoftHsm> {
    const library = PLACES.find((path) => existsSync(path));
    if (library === undefined) throw new Error('libsofthsm2.so is not there');
    const made = new SoftHsm(directory, library);
    await mkdir(join(directory, 'tokens'), { recursive: true });
    await writeFile(made.env.SOFTHSM2_CONF, `directories.tokendir = ${join(directory, 'tokens')}\n`);
    await writeFile(made.pinFile, SoftHsm.PIN, { mode: 0o600 });
    for (const label of labels) await made.addToken(label);
    return made;
  }

  get pinFile(): string {
    return join(this.directory, 'pin');
  }

  /** The URI of a token, with where its PIN is or without. */
  uri(label: string, pinSource = false): string {
    return `pkcs11:token=${label}?module-path=${this.library}${pinSource ? `&pin-source=file:${this.pinFile}` : ''}`;
  }

  async addToken(label: string): Promise<void> {
    const args = ['--init-token', '--free', '--label', label, '--pin', SoftHsm.PIN, '--so-pin', '12345678'];
    const { code, stderr } = await run(program('softhsm2-util'), args, { env: this.env });
    if (code !== 0) throw new Error(`softhsm2-util: ${stderr}`);
  }

  /** The labels of the private keys in all tokens, sorted: as the optional package sees them. */
  async keys(): Promise<string[]> {
    const script = `
      const { Module, SessionFlag, ObjectClass } = require('module').createRequire(require.resolve('node-webcrypto-p11'))('graphene-pk11');
      const module_ = Module.load(${JSON.stringify(this.library)});
      module_.initialize();
      const slots = module_.getSlots(true);
      const labels = [];
      for (let i = 0; i < slots.length; i++) {
        // There is always one slot more, for the next token.
        let session;
        try {
          session = slots.items(i).open(SessionFlag.SERIAL_SESSION);
          session.login('${SoftHsm.PIN}');
        } catch { continue; }
        const found = session.find({ class: ObjectClass.PRIVATE_KEY });
        for (let k = 0; k < found.length; k++) labels.push(found.items(k).getAttribute({ label: null }).label);
      }
      console.log(JSON.stringify(labels.sort()));`;
    const cwd = join(import.meta.dirname, '../..');
    const result = await run(process.execPath, ['-e', script], { env: { ...this.env }, cwd });
    if (result.code !== 0) throw new Error(`keys of the token: ${result.stderr}`);
    return result.json();
  }

  async removeToken(label: string): Promise<void> {
    await run(program('softhsm2-util'), ['--delete-token', '--token', label], { env: this.env });
  }
}
