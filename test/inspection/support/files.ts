import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { scratch } from '../../support/scratch.ts';

const CONFIG = `
[ca]
default_ca=d
[d]
database=index.txt
crlnumber=crlnumber
default_md=sha256
[root]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
[issuing]
basicConstraints=critical,CA:TRUE,pathlen:0
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
nameConstraints=critical,permitted;DNS:orders.internal,permitted;IP:10.0.0.0/255.0.0.0
[leaf]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth,clientAuth
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
subjectAltName=DNS:n1.orders.internal,IP:10.0.0.1,URI:spiffe://orders.internal/node/n1/data
crlDistributionPoints=URI:http://crl.orders.internal/x.crl
`;

/** A root, an issuing CA and a node's certificate by openssl, with their keys, a request and a CRL. */
export interface Files {
  directory: string;
  openssl: (...args: string[]) => Promise<void>;
}

export async function makeFiles(): Promise<Files> {
  const directory = await scratch('inspection');
  const openssl = async (...args: string[]): Promise<void> => {
    await promisify(execFile)('openssl', args, { cwd: directory });
  };
  writeFileSync(join(directory, 'ca.cnf'), CONFIG);
  writeFileSync(join(directory, 'index.txt'), '');
  writeFileSync(join(directory, 'crlnumber'), '1234\n');
  const sign = async (name: string, subject: string, days: number, serial: string, issuer: string): Promise<void> => {
    await openssl('req', '-new', '-key', `${name}.key`, '-subj', subject, '-out', `${name}.csr`);
    const by = issuer === name ? ['-signkey', `${name}.key`] : ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`];
    const extensions = ['-extfile', 'ca.cnf', '-extensions', name, '-set_serial', serial];
    await openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      ...by,
      '-days',
      String(days),
      ...extensions,
      '-out',
      `${name}.pem`,
    );
  };
  for (const name of ['root', 'issuing', 'leaf', 'other'])
    await openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', `${name}.key`);
  await sign('root', '/CN=orders Root CA G1', 3650, '0x4901', 'root');
  await sign('issuing', '/CN=orders Issuing CA G1.1', 1825, '0x4a01', 'root');
  await sign('leaf', '/CN=n1', 90, '0x5b02aabbccddeeff00112233445566778899aabb', 'issuing');
  const ca = ['ca', '-config', 'ca.cnf', '-keyfile', 'issuing.key', '-cert', 'issuing.pem'];
  await openssl(...ca, '-revoke', 'leaf.pem', '-crl_reason', 'keyCompromise');
  await openssl(...ca, '-gencrl', '-crldays', '30', '-out', 'crl.pem');
  return { directory, openssl };
}
