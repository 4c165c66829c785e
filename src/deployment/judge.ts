import { sha256, sha256Hex } from '../crypto/hash.ts';
import { createVerifySignature } from '../crypto/verify-signature.ts';
import { everyAnchor } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { type PathFailure, type RevocationCheck, verifyPath } from '../pki/path/index.ts';
import { formatSerial } from '../pki/serial.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import type { Refusal } from '../targets/target.ts';
import { logRevocation } from '../verification/log-revocation.ts';

const verify = createVerifySignature();

/** What shows a revoked certificate may be whoever it was revoked for: it is given files only while it is not spoken to. */
const RESTART =
  'stop it; cluster-ca issue gives its node another certificate, cluster-ca deploy places it; then start it again';

/** What whoever judges knows of the CA: from its keystore, or on a node from what its daemon has said. */
export interface Known {
  /** The anchors that a server may rest on, DER. */
  anchors: () => Uint8Array[];
  revocation: RevocationCheck;
  /** When a certificate has ended, or will; undefined for one that this CA did not issue. */
  endOfOurs: (der: Uint8Array) => Promise<Date | undefined>;
}

/** Judges chains: whose they are, and who trusts them. */
export class Judge {
  readonly #known: Known;
  readonly #now: () => Date;

  constructor(known: Known, now: () => Date) {
    this.#known = known;
    this.#now = now;
  }

  static async create(keystore: Keystore, now: () => Date): Promise<Judge> {
    const known: Known = {
      anchors: () => everyAnchor(keystore.state),
      revocation: await logRevocation(keystore),
      endOfOurs: (der) => endInLog(keystore, der),
    };
    return new Judge(known, now);
  }

  /**
   * Whether a server may be spoken to: its chain has a path to a root of this cluster, during a
   * rollover to either. One of this keystore's own
   * certificates that has ended is no obstacle to its cure.
   * @returns why not; undefined when it may
   */
  async server(chain: readonly Uint8Array[]): Promise<Refusal | undefined> {
    const [der] = chain;
    if (der === undefined) return { message: 'it shows no certificate' };
    const failures = this.failures(chain, this.#known.anchors());
    const [first] = failures;
    if (first === undefined) return undefined;
    if (failures.every(({ code }) => code === 'expired') && (await this.endOfOurs(der)) !== undefined) return undefined;
    const { code, message } = first;
    return code === 'revoked' ? { message, hint: RESTART } : { message };
  }

  /** Whether a chain is of this cluster, and revoked: nobody is to trust it. */
  isRevoked(chain: readonly Uint8Array[]): boolean {
    return this.failures(chain, this.#known.anchors()).some(({ code }) => code === 'revoked');
  }

  /** What is wrong with a chain's path to these anchors; nothing when it has one. */
  failures(chain: readonly Uint8Array[], anchors: readonly Uint8Array[]): PathFailure[] {
    const [der = new Uint8Array(), ...issuers] = chain;
    const { failures } = verifyPath({
      target: { der },
      anchors: anchors.map((anchor) => ({ der: anchor })),
      untrusted: issuers.map((issuer) => ({ der: issuer })),
      revocation: this.#known.revocation,
      now: this.#now(),
      verify,
      sha256: (data) => sha256(data),
    });
    return failures;
  }

  /** When a certificate has ended, or will; undefined for one that this CA did not issue. */
  endOfOurs(der: Uint8Array): Promise<Date | undefined> {
    return this.#known.endOfOurs(der);
  }
}

async function endInLog(keystore: Keystore, der: Uint8Array): Promise<Date | undefined> {
  const sha256 = sha256Hex(der);
  let serial: string;
  try {
    serial = formatSerial(parseCertificate(der).serialNumber);
  } catch {
    return undefined;
  }
  const row = await keystore.query((index) => index.bySerial(serial));
  if (row === undefined || sha256Hex(await keystore.der(row)) !== sha256) return undefined;
  return new Date(row.notAfter);
}
