import { existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Context } from '../context.ts';
import { ClusterCaError } from '../errors.ts';
import { readKeyFile } from '../secrets/key-file.ts';
import { checkNewPassphrase, normalizePassphrase } from '../secrets/passphrase.ts';
import type { Prompts } from '../ui/prompts.ts';
import { homePath } from './place.ts';
import { validated } from './questions.ts';

/** What will open the keystore: a key file's path, or a passphrase that was typed twice. */
export type WizardSecret = { keyFile: string } | { passphrase: string };

/** Asks for it; nothing is made yet. */
export async function askSecret(ctx: Context, cluster: string, prompts: Prompts): Promise<WizardSecret> {
  const kind = await prompts.askChoice('What opens the keystore:', [
    { value: 'passphrase', name: 'a passphrase', description: 'typed when certificates are made; never stored' },
    {
      value: 'key-file',
      name: 'a key file',
      description: 'for servers and pipelines; keep it away from the keystore, and a copy of it',
    },
  ] as const);
  if (kind === 'passphrase') return { passphrase: await askPassphrase(prompts) };
  const path = (text: string): string => resolve(ctx.cwd, homePath(text, ctx.env));
  const text = await prompts.ask(
    'The key file:',
    `${cluster}.key`,
    validated((typed) => checkKeyFile(path(typed))),
  );
  return { keyFile: path(text) };
}

async function askPassphrase(prompts: Prompts): Promise<string> {
  const octets = (text: string): Uint8Array => normalizePassphrase(new TextEncoder().encode(text));
  const passphrase = await prompts.askSecret(
    'Passphrase:',
    validated((typed) => checkNewPassphrase(octets(typed))),
  );
  await prompts.askSecret('Passphrase, once more:', (again) => again === passphrase || 'that is not the same');
  return passphrase;
}

/** One that is there must be one; one that is not will be made, so its directory must be there. */
function checkKeyFile(path: string): void {
  if (existsSync(path)) {
    readKeyFile(path).fill(0);
    return;
  }
  const directory = dirname(path);
  if (!existsSync(directory) || !statSync(directory).isDirectory())
    throw new ClusterCaError('ERR_USAGE', `there is no directory ${directory}`);
}
