// The Web Crypto types without TypeScript's DOM library: Node's own, under their standard names.
import type { webcrypto } from 'node:crypto';

declare global {
  type BufferSource = ArrayBufferView | ArrayBuffer;
  type Crypto = webcrypto.Crypto;
  type CryptoKey = webcrypto.CryptoKey;
  type CryptoKeyPair = webcrypto.CryptoKeyPair;
  type SubtleCrypto = webcrypto.SubtleCrypto;
  type Algorithm = webcrypto.Algorithm;
  type KeyUsage = webcrypto.KeyUsage;
  type JsonWebKey = webcrypto.JsonWebKey;
  type EcKeyGenParams = webcrypto.EcKeyGenParams;
  type EcKeyImportParams = webcrypto.EcKeyImportParams;
  type EcdsaParams = webcrypto.EcdsaParams;
  type RsaHashedKeyGenParams = webcrypto.RsaHashedKeyGenParams;
  type RsaHashedImportParams = webcrypto.RsaHashedImportParams;
}
