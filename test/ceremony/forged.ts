import { readFile, writeFile } from 'node:fs/promises';
import { CEREMONY, type CeremonyAnswer, type CeremonyRequest, signAnswer } from '../../src/ceremony/documents.ts';
import { encodeCanonicalFile } from '../../src/keystore/canonical.ts';
import { DirectoryStore } from '../../src/keystore/directory/directory-store.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import { encodeSignedLine } from '../../src/keystore/log/record.ts';
import { unlock } from '../../src/keystore/unlock.ts';

/** Writes a request that says whatever it is told to, signed by the audit key: the holder of the daily secret can. */
export type Forge = (from: string, to: string, change: (request: CeremonyRequest) => unknown) => Promise<void>;

/** The holder of a keystore's daily secret. @param keyFile what opens it */
export async function holderOf(keystore: string, keyFile: string): Promise<Forge> {
  const opened = await Keystore.open(new DirectoryStore(keystore, { groupRead: false }), { anchors: undefined });
  const secret = { kind: 'key-file' as const, bytes: new Uint8Array(await readFile(keyFile)) };
  const daily = await unlock(opened, 'daily', [secret]);
  const signer = await daily.signer(opened.state.audit.sealed, 'ed25519');
  return async (from, to, change) => {
    const [line = ''] = (await readFile(from, 'utf8')).split('\n');
    const request = JSON.parse(line) as CeremonyRequest;
    await writeFile(to, await encodeSignedLine(CEREMONY, opened.identity.id, change(request), signer));
  };
}

/** Writes an answer that says whatever it is told to, signed by the root that was asked. */
export type ForgeAnswer = (from: string, to: string, change: object) => Promise<void>;

/** The holder of the root. @param medium where its key is @param keyFile what opens it */
export async function rootHolderOf(keystore: string, medium: string, keyFile: string): Promise<ForgeAnswer> {
  const rootStore = new DirectoryStore(medium, { groupRead: false });
  const opened = await Keystore.open(new DirectoryStore(keystore, { groupRead: false }), {
    anchors: undefined,
    rootStore,
  });
  const secret = { kind: 'key-file' as const, bytes: new Uint8Array(await readFile(keyFile)) };
  const root = await unlock(opened, 'root', [secret]);
  const [{ sealed, keyType } = { sealed: undefined, keyType: undefined }] = opened.state.authorities;
  if (sealed === undefined || keyType === undefined) throw new Error('there is no root');
  const signer = await root.signer(sealed, keyType);
  return async (from, to, change) => {
    const { signature: _, ...answer } = JSON.parse(await readFile(from, 'utf8')) as CeremonyAnswer;
    const changed = JSON.parse(JSON.stringify({ ...answer, ...change }));
    await writeFile(to, encodeCanonicalFile(await signAnswer(opened.identity, changed, signer)));
  };
}
