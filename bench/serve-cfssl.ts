import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Agent, post } from './serve-clients.ts';
import { freePort, ServerProcess } from './serve-process.ts';

/** Why cfssl cannot be measured; undefined when it can. */
export function missingCfssl(): string | undefined {
  for (const program of ['cfssl', 'cfssljson', 'sqlite3'])
    try {
      execFileSync('which', [program]);
    } catch {
      return `${program} is not installed; Debian has it: apt-get install golang-cfssl sqlite3`;
    }
  return undefined;
}

const SCHEMA = `CREATE TABLE certificates (serial_number blob NOT NULL, authority_key_identifier blob NOT NULL,
  ca_label blob, status blob NOT NULL, reason int, expiry timestamp, revoked_at timestamp, pem blob NOT NULL,
  PRIMARY KEY(serial_number, authority_key_identifier));`;

/** `cfssl serve` with mutual TLS. With a database (SQLite) it records what it signs; without, it keeps nothing. */
export class CfsslServer {
  readonly name: string;
  readonly port: number;
  readonly #process: ServerProcess;

  private constructor(name: string, port: number, process: ServerProcess) {
    this.name = name;
    this.port = port;
    this.#process = process;
  }

  /** @param tls a directory with cert.pem, key.pem and ca.pem: what it serves, and whose clients come in */
  static async start(directory: string, tls: string, database = false): Promise<CfsslServer> {
    mkdirSync(directory);
    const file = (name: string): string => join(directory, name);
    const write = (name: string, document: object): string => {
      writeFileSync(file(name), JSON.stringify(document));
      return file(name);
    };
    const request = write('ca.json', { CN: 'CA', key: { algo: 'ecdsa', size: 256 }, ca: { expiry: '43800h' } });
    const made = execFileSync('cfssl', ['gencert', '-initca', request], { stdio: ['ignore', 'pipe', 'ignore'] });
    execFileSync('cfssljson', ['-bare', file('ca')], { input: made });
    const config = write('config.json', {
      signing: { default: { expiry: '2160h', usages: ['digital signature', 'server auth', 'client auth'] } },
    });
    const port = await freePort();
    const args = ['serve', '-address', '127.0.0.1', '-port', String(port), '-config', config];
    args.push('-ca', file('ca.pem'), '-ca-key', file('ca-key.pem'), '-tls-cert', join(tls, 'cert.pem'));
    args.push('-tls-key', join(tls, 'key.pem'), '-mutual-tls-ca', join(tls, 'ca.pem'), '-loglevel', '3');
    if (database) {
      execFileSync('sqlite3', [file('certs.db'), SCHEMA]);
      args.push(
        '-db-config',
        write('db.json', {
          driver: 'sqlite3',
          data_source: `file:${file('certs.db')}?_busy_timeout=60000&_journal_mode=WAL`,
        }),
      );
    }
    const env = { PATH: process.env.PATH ?? '', HOME: directory };
    const started = await ServerProcess.start('cfssl', args, { env, log: file('log'), port });
    return new CfsslServer(database ? 'cfssl serve, SQLite' : 'cfssl serve, keeping nothing', port, started);
  }

  request({ node }: Agent, csr: string): Buffer {
    return post('/api/v1/cfssl/sign', { certificate_request: csr, hosts: [`${node}.orders.internal`] });
  }

  cpu(): number {
    return this.#process.cpu();
  }

  stop(): void {
    this.#process.stop();
  }
}
