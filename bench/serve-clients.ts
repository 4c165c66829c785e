import { createECDH, createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';

/** A simulated agent: a node with its certificate. */
export interface Agent {
  node: string;
  ca: Buffer;
  cert: Buffer;
  key: Buffer;
}

/** The agents of nodes n0, n1, … in an `--out` directory. */
export function agentsOf(out: string, count: number): Agent[] {
  return Array.from({ length: count }, (_, i) => {
    const read = (file: string): Buffer => readFileSync(join(out, `n${i}`, 'data', file));
    return { node: `n${i}`, ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') };
  });
}

/** A connection with mutual TLS; the server's certificate is verified. */
export function connected(port: number, { ca, cert, key }: Agent): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca, cert, key }, () => resolve(socket));
    socket.setNoDelay(true);
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed in the handshake')));
  });
}

/** Sends requests on one connection, each when the last is answered. @throws when an answer is not a certificate */
export function renew(socket: TLSSocket, requests: Buffer[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let sent = 0;
    let answer = '';
    const next = (): void => {
      if (sent === requests.length) {
        socket.off('data', heard);
        resolve();
        return;
      }
      answer = '';
      socket.write(requests[sent++] as Buffer);
    };
    const heard = (chunk: Buffer): void => {
      answer += chunk.toString('latin1');
      if (!isWhole(answer)) return;
      if (!/^HTTP\/1\.1 20[01] /.test(answer) || !answer.includes('BEGIN CERTIFICATE'))
        reject(new Error(`no certificate: ${answer.slice(0, 600)}`));
      else next();
    };
    socket.on('data', heard);
    socket.on('close', () => reject(new Error('the server has closed the connection')));
    next();
  });
}

function isWhole(answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(answer.slice(0, end))?.[1];
  return length === undefined ? answer.endsWith('\r\n0\r\n\r\n') : answer.length >= end + 4 + Number(length);
}

// SEQUENCE, INTEGER and the like of a P-256 request are short: their lengths fit one or three octets.
const der = (tag: number, ...parts: Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head =
    length < 128 ? [tag, length] : length < 256 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from(head), content]);
};
const EC_P256 = Buffer.from('301306072a8648ce3d020106082a8648ce3d030107', 'hex');
const ECDSA_SHA256 = Buffer.from('300a06082a8648ce3d040302', 'hex');
const SUBJECT = Buffer.from('300f310d300b06035504030c046e6f6465', 'hex');

/** Certification requests, each for a key of its own (RFC 2986). @returns PEM */
export function requests(count: number): string[] {
  const ecdh = createECDH('prime256v1');
  return Array.from({ length: count }, () => {
    const point = ecdh.generateKeys();
    const scalar = Buffer.concat([Buffer.alloc(32), ecdh.getPrivateKey()]).subarray(-32);
    const spki = der(0x30, EC_P256, der(0x03, Buffer.of(0), point));
    const sec1 = der(0x30, Buffer.of(2, 1, 1), der(0x04, scalar), der(0xa0, EC_P256.subarray(11)));
    const key = createPrivateKey({ key: sec1, format: 'der', type: 'sec1' });
    const tbs = der(0x30, Buffer.of(2, 1, 0), SUBJECT, spki, der(0xa0));
    const request = der(0x30, tbs, ECDSA_SHA256, der(0x03, Buffer.of(0), sign('sha256', tbs, key)));
    const lines = request.toString('base64').replaceAll(/.{1,64}/g, '$&\n');
    return `-----BEGIN CERTIFICATE REQUEST-----\n${lines}-----END CERTIFICATE REQUEST-----\n`;
  });
}

/** A POST of JSON as octets. */
export function post(path: string, body: object): Buffer {
  const content = JSON.stringify(body);
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(content)}\r\n\r\n${content}`,
  );
}
