import { sha256 } from '../crypto/hash.ts';
import { createVerifySignature } from '../crypto/verify-signature.ts';
import type { Known } from '../deployment/judge.ts';
import type { Material } from '../deployment/material.ts';
import type { CrlEnd } from '../deployment/preflight.ts';
import { toHex } from '../pki/encoding.ts';
import { pathFailure, type RevocationCheck, verifyPath } from '../pki/path/index.ts';
import { decodePem } from '../pki/pem.ts';
import { formatSerial } from '../pki/serial.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import { parseCrl } from '../pki/x509/crl.ts';
import { publicHalf } from '../placement/key-match.ts';
import { FILES } from '../placement/place.ts';
import type { Holding } from './holding.ts';
import type { Desired } from './protocol.ts';

const verify = createVerifySignature();

/** What a node knows of its CA: what the daemon has said last. */
export class Knowledge {
  readonly desired: Desired;
  readonly #anchors: Uint8Array[];
  readonly #revoked = new Map<string, Set<string>>();
  readonly #intermediates: Uint8Array[];

  constructor(desired: Desired, holdings: readonly Holding[]) {
    this.desired = desired;
    this.#anchors = certificatesOf(desired.anchors);
    this.#intermediates = holdings.flatMap(({ chain }) => certificatesOf(chain).slice(1));
    for (const { pem } of desired.crls)
      for (const { bytes } of decodePem(pem)) {
        const crl = parseCrl(bytes);
        const serials = [...crl.entries()].map(({ serialNumber }) => formatSerial(serialNumber));
        this.#revoked.set(toHex(crl.issuer), new Set(serials));
      }
  }

  get crls(): CrlEnd[] {
    return this.desired.crls.map(({ authority, role, nextUpdate }) => ({ authority, role, nextUpdate }));
  }

  get known(): Known {
    return {
      anchors: () => this.#anchors,
      revocation: this.#revocation,
      endOfOurs: async (der) => this.#endOfOurs(der),
    };
  }

  /** What the services of one plane are to be given. */
  material(holding: Holding): Material {
    const { certificate, fingerprint, chain, publicKey, place, profile, node } = holding;
    return {
      row: { name: node, profile },
      certificate,
      fingerprint,
      chain,
      publicKey,
      trustBundle: this.desired.trustBundle,
      crls: {
        'every-level': this.desired.crls.map(({ pem }) => pem).join(''),
        issuing: this.#crlOf(certificate.issuer),
      },
      key: () => {
        const key = place.read(FILES.key);
        if (publicHalf(key) === publicKey) return key;
        key?.fill(0);
        return undefined;
      },
      otherKeys: () => [],
    };
  }

  /** The CRL of the CA that has this name, PEM. */
  #crlOf(name: Uint8Array): string {
    const wanted = toHex(name);
    const found = this.desired.crls.find(({ pem }) =>
      decodePem(pem).some(({ bytes }) => toHex(parseCrl(bytes).issuer) === wanted),
    );
    return found?.pem ?? '';
  }

  get #revocation(): RevocationCheck {
    return {
      check: (certificate) => {
        const { issuer, serialNumber } = certificate.certificate;
        const isRevoked = this.#revoked.get(toHex(issuer))?.has(formatSerial(serialNumber)) ?? false;
        return isRevoked ? [pathFailure('revoked', certificate, 'revoked, by the CRL that the daemon has sent')] : [];
      },
    };
  }

  /** A certificate that had a valid path at its end is one of ours. */
  #endOfOurs(der: Uint8Array): Date | undefined {
    try {
      const { notAfter } = parseCertificate(der);
      const { valid } = verifyPath({
        target: { der },
        anchors: this.#anchors.map((anchor) => ({ der: anchor })),
        untrusted: this.#intermediates.map((issuer) => ({ der: issuer })),
        now: new Date(notAfter),
        verify,
        sha256: (data) => sha256(data),
      });
      return valid ? new Date(notAfter) : undefined;
    } catch {
      return undefined;
    }
  }
}

/** The certificates of a PEM text, DER. */
export function certificatesOf(pem: string | Uint8Array): Uint8Array[] {
  return decodePem(pem).flatMap(({ label, bytes }) => (label === 'CERTIFICATE' ? [bytes] : []));
}
