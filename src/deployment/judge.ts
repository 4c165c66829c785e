import { sha256, sha256Hex } from '../crypto/hash.ts';
import { createVerifySignature } from '../crypto/verify-signature.ts';
import { everyAnchor } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
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

  private constructor(keystore: Keystore, now: () => Date, revocation: RevocationCheck) {
    this.#keystore = keystore;
    this.#now = now;
    this.#revocation = revocation;
  }

  static async create(keystore: Keystore, now: () => Date): Promise<Judge> {
    return new Judge(keystore, now, await logRevocation(keystore));
  }

  /**
   * Whether a server may be spoken to: its chain has a path to a root of this cluster, during a
   * rollover to either. One of this keystore's own
   * certificates that has ended is no obstacle to its cure.
   * @returns why not; undefined when it may
   */
  async server(chain: readonly Uint8Array[]): Promise<string | undefined> {
    const [der] = chain;
    if (der === undefined) return 'it shows no certificate';
    const failures = this.failures(chain, everyAnchor(this.#keystore.state));
    const [first] = failures;
    if (first === undefined) return undefined;
    if (failures.every(({ code }) => code === 'expired') && (await this.endOfOurs(der)) !== undefined) return undefined;
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

  /** When a certificate has ended, or will; undefined for one that this CA did not issue. */
  async endOfOurs(der: Uint8Array): Promise<Date | undefined> {
    const sha256 = sha256Hex(der);
    let serial: string;
    try {
      serial = formatSerial(parseCertificate(der).serialNumber);
    } catch {
      return undefined;
    }
    const row = await this.#keystore.query((index) => index.bySerial(serial));
    if (row === undefined || sha256Hex(await this.#keystore.der(row)) !== sha256) return undefined;
    return new Date(row.notAfter);
  }
}
