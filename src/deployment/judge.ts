import { sha256, sha256Hex } from '../crypto/hash.ts';
import { createVerifySignature } from '../crypto/verify-signature.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { type PathFailure, type RevocationCheck, verifyPath } from '../pki/path/index.ts';
import { formatSerial } from '../pki/serial.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import { logRevocation } from '../verification/log-revocation.ts';

const verify = createVerifySignature();

/** Judges chains: whose they are, and who trusts them. */
export class Judge {
  readonly #keystore: Keystore;
  readonly #now: () => Date;
  readonly #revocation: RevocationCheck;
  readonly #warn: (message: string) => void;

  private constructor(
    keystore: Keystore,
    now: () => Date,
    revocation: RevocationCheck,
    warn: (message: string) => void,
  ) {
    this.#keystore = keystore;
    this.#now = now;
    this.#revocation = revocation;
    this.#warn = warn;
  }

  static async create(keystore: Keystore, now: () => Date, warn: (message: string) => void): Promise<Judge> {
    return new Judge(keystore, now, await logRevocation(keystore), warn);
  }

  /**
   * Whether a server may be spoken to: its chain has a path to a root of this keystore. One of this keystore's own
   * certificates that has ended is no obstacle to its cure.
   * @returns why not; undefined when it may
   */
  async server(chain: readonly Uint8Array[]): Promise<string | undefined> {
    const [der] = chain;
    if (der === undefined) return 'it shows no certificate';
    const failures = this.failures(chain, this.#anchors());
    const [first] = failures;
    if (first === undefined) return undefined;
    if (failures.every(({ code }) => code === 'expired') && (await this.#isOurs(der))) {
      this.#warn(
        `a service still serves the expired certificate ${sha256Hex(der).slice(0, 16)}…, which this CA issued`,
      );
      return undefined;
    }
    return first.message;
  }

  /** What is wrong with a chain's path to these anchors; nothing when it has one. */
  failures(chain: readonly Uint8Array[], anchors: readonly Uint8Array[]): PathFailure[] {
    const [der = new Uint8Array(), ...issuers] = chain;
    const { failures } = verifyPath({
      target: { der },
      anchors: anchors.map((anchor) => ({ der: anchor })),
      untrusted: issuers.map((issuer) => ({ der: issuer })),
      revocation: this.#revocation,
      now: this.#now(),
      verify,
      sha256: (data) => sha256(data),
    });
    return failures;
  }

  #anchors(): Uint8Array[] {
    return this.#keystore.state.authorities.flatMap(({ role, certificate }) =>
      role === 'root' ? [fromBase64(certificate)] : [],
    );
  }

  async #isOurs(der: Uint8Array): Promise<boolean> {
    const serial = formatSerial(parseCertificate(der).serialNumber);
    const row = await this.#keystore.query((index) => index.bySerial(serial));
    return row !== undefined && sha256Hex(await this.#keystore.der(row)) === sha256Hex(der);
  }
}
