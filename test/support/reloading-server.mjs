// A TLS server that reads its files at SIGHUP, and at no other time: `node reloading-server.mjs DIR PORT PIDFILE`
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createServer } from 'node:tls';

const [directory, port, pidFile] = process.argv.slice(2);
const files = () => ({
  cert: readFileSync(join(directory, 'cert.pem')),
  key: readFileSync(join(directory, 'key.pem')),
  ca: readFileSync(join(directory, 'ca.pem')),
});
const server = createServer({ ...files(), requestCert: true, rejectUnauthorized: true }, (socket) => {
  socket.on('error', () => {});
  socket.on('data', (data) => socket.write(data));
});
server.on('tlsClientError', () => {});
process.on('SIGHUP', () => {
  try {
    server.setSecureContext(files());
  } catch (error) {
    console.error(`not reloaded: ${error.message}`);
  }
});
server.listen(Number(port), '127.0.0.1', () => writeFileSync(pidFile, String(process.pid)));
