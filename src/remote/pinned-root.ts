import { connect } from 'node:tls';
import { sha256Hex } from '../crypto/hash.ts';
import { type Address, formatAddress, serverNameOf } from '../endpoint/address.ts';
import { misbehaved, timedOut, unreachable } from '../endpoint/failure.ts';
import { encodePem } from '../pki/pem.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';

/** Certificates of a chain that are looked at. */
const LONGEST_CHAIN = 8;

/**
 * The root of the daemon's chain, taken only if the SHA-256 of its public key is one of these. Nothing is sent: what is
 * to be said goes over a second connection, which TLS verifies by this root and the daemon's name, as any other.
 * @param roots SHA-256 of SubjectPublicKeyInfo, hex
 * @param timeout milliseconds
 * @returns PEM
 * @throws ERR_REMOTE when no certificate that it shows has such a key; ERR_TIMEOUT
 */
export async function pinnedRoot(address: Address, roots: readonly string[], timeout: number): Promise<string> {
  const where = formatAddress(address);
  for (const der of await shownChain(address, timeout))
    if (roots.includes(sha256Hex(parseCertificate(der).publicKey.der))) return encodePem('CERTIFICATE', der);
  throw misbehaved(
    where,
    'is not the daemon that the join token is for: none of the certificates it shows has the key of a root in the token',
    'somebody may be in between, or it is another cluster: nothing was sent',
  );
}

function shownChain(address: Address, timeout: number): Promise<Uint8Array[]> {
  const where = formatAddress(address);
  const servername = serverNameOf(address.host);
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: address.host,
      port: address.port,
      minVersion: 'TLSv1.2',
      // Judged by the pins, right below.
      rejectUnauthorized: false,
      ...(servername === undefined ? {} : { servername }),
    });
    const end = (settle: () => void): void => {
      clearTimeout(deadline);
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.destroy();
      settle();
    };
    const deadline = setTimeout(() => end(() => reject(timedOut(where, 'finish the TLS handshake', timeout))), timeout);
    socket.on('error', (error) => end(() => reject(unreachable(where, error))));
    socket.on('close', () => end(() => reject(misbehaved(where, 'closed the connection'))));
    socket.on('secureConnect', () => {
      const chain: Uint8Array[] = [];
      let next = socket.getPeerX509Certificate();
      while (next !== undefined && chain.length < LONGEST_CHAIN) {
        chain.push(new Uint8Array(next.raw));
        next = next.issuerCertificate === next ? undefined : next.issuerCertificate;
      }
      end(() => resolve(chain));
    });
  });
}
