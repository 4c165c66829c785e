import { createRequire } from 'node:module';
import { ClusterCaError } from '../../errors.ts';

// What of node-webcrypto-p11 and of graphene-pk11 below it is used, in types of our own: it is an optional dependency,
// and the types must be there where it is not.

export interface P11Session {
  login(pin: string): void;
  close(): void;
  find(template: object): { length: number; items(index: number): P11Object };
  createSign(mechanism: string, key: P11Object): { once(data: Buffer): Buffer };
}

export interface P11Object {
  id: Buffer;
  destroy(): void;
  getAttribute(template: object): Record<string, unknown>;
}

export interface P11Token {
  label: string;
  serialNumber: string;
  manufacturerID: string;
  model: string;
}

export interface P11Module {
  initialize(): void;
  getSlots(withToken: boolean): { length: number; items(index: number): P11Slot };
}

export interface P11Slot {
  getToken(): P11Token;
  open(flags: number): P11Session;
}

/** A key of the token as its Web Crypto hands it over. */
export type P11CryptoKey = CryptoKey & { p11Object: P11Object };

export interface P11Library {
  loadModule(path: string): P11Module;
  /** CKF_SERIAL_SESSION | CKF_RW_SESSION. */
  readWrite: number;
  privateKeyClass: number;
  /** The Web Crypto over a session. @param id CKA_ID of what is made by it */
  crypto(session: P11Session, id: Uint8Array): Crypto;
}

/** Where the library chooses ids: at random for a new object, and another, of its public key, once it is there. */
interface OwnIds {
  templateBuilder: { build(params: { attributes: object }): object };
  subtle: { computeId: () => Promise<Buffer> };
}

const NAME = 'node-webcrypto-p11';

/** Loads the library, which is installed only where npm could build it. @throws ERR_CONFIG */
export function loadLibrary(): P11Library {
  const from = createRequire(import.meta.url);
  try {
    const { Crypto: TokenCrypto } = from(NAME) as { Crypto: new (options: { session: P11Session }) => unknown };
    const graphene = createRequire(from.resolve(NAME))('graphene-pk11') as {
      Module: { load(path: string, name: string): P11Module };
      SessionFlag: { SERIAL_SESSION: number; RW_SESSION: number };
      ObjectClass: { PRIVATE_KEY: number };
    };
    return {
      loadModule: (path) => graphene.Module.load(path, path),
      readWrite: graphene.SessionFlag.SERIAL_SESSION | graphene.SessionFlag.RW_SESSION,
      privateKeyClass: graphene.ObjectClass.PRIVATE_KEY,
      crypto: (session, id) => {
        const made = new TokenCrypto({ session }) as Crypto & OwnIds;
        const { templateBuilder } = made;
        made.templateBuilder = {
          build: ({ attributes, ...params }) => templateBuilder.build({ ...params, attributes: { ...attributes, id } }),
        };
        made.subtle.computeId = async () => Buffer.from(id);
        return made;
      },
    };
  } catch (cause) {
    throw new ClusterCaError(
      'ERR_CONFIG',
      `tokens need the package ${NAME}, which is not installed or cannot be loaded`,
      {
        hint: `it is built when cluster-ca is installed, with python3, make and a C++ compiler: npm install ${NAME}`,
        cause,
      },
    );
  }
}
