import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { Hosts } from '../../src/hosts/hosts.ts';
import type { Service } from '../../src/inventory/services.ts';
import { toHex } from '../../src/pki/encoding.ts';
import { parseCertificate } from '../../src/pki/x509/certificate.ts';
import { type Looking, lookAt } from '../../src/rollover/evidence/look.ts';
import { certificatePem, identity } from '../endpoint/tls-server.ts';
import { describeWith } from '../support/debian.ts';
import type { Entity } from '../support/make-pki.ts';
import { Servers, until } from '../support/servers.ts';
import { startNginx } from '../support/servers-nginx.ts';
import { hierarchy } from './hierarchy.ts';

// A server that keeps its sessions over a reload: it refuses the old CA's certificates, and lets in whoever resumes a
// session that one of them began. No probe resumes anything, and that it could be done is no absence.

const describeLive = await describeWith('nginx');
const [sharing, plain] = [new Servers('sessions-shared'), new Servers('sessions-own')];
const servers = sharing;
const [old, fresh, other] = [hierarchy('Old'), hierarchy('New'), hierarchy('Other')];
const files = join(servers.directory, 'tls');

const looking = (sessions: Map<string, Uint8Array>): Looking => ({
  form: 'root',
  anchors: { old: old.root.der, new: fresh.root.der },
  sideOf: ({ issuer }) => (toHex(issuer) === toHex(parseCertificate(old.issuing.der).subject) ? 'old' : 'new'),
  probes: {
    old: identity(old.probe, old.issuing),
    new: identity(fresh.probe, fresh.issuing),
    stranger: identity(other.probe, other.issuing),
    sessions,
  },
  host: new Hosts().of({ ssh: undefined }),
  now: () => new Date(),
});

const place = async (...anchors: Entity[]): Promise<void> => {
  const { cert, key } = identity(fresh.server, fresh.issuing);
  await mkdir(files, { recursive: true });
  await writeFile(join(files, 'cert.pem'), cert);
  await writeFile(join(files, 'key.pem'), key);
  await writeFile(join(files, 'ca.pem'), certificatePem(...anchors));
};

const [named, ticketKeys] = [join(servers.directory, 'named.pem'), join(servers.directory, 'ticket.key')];
await writeFile(named, certificatePem(fresh.root));
await writeFile(ticketKeys, randomBytes(80));

describeLive('nginx, whose sessions outlive a reload', () => {
  test.each([
    ['ticket keys that are kept', `ssl_session_ticket_key ${ticketKeys};`, true],
    ['ticket keys of each start', '', false],
  ])(
    '%s',
    async (name, more, resumes) => {
      await place(old.root, fresh.root);
      const { port, server } = await startNginx(resumes ? sharing : plain, files, '', { workers: 1, named, more });
      const service = {
        holder: { kind: 'node', name: 'web-1' },
        plane: 'data',
        kind: 'nginx',
        address: `127.0.0.1:${port}`,
        dir: files,
        label: `nginx 127.0.0.1:${port}`,
      } as Service;
      const sessions = new Map<string, Uint8Array>();
      const [both] = await lookAt(service, looking(sessions));
      expect([name, both]).toEqual([name, expect.objectContaining({ trustsOld: true, trustsNew: true })]);
      expect(sessions.size).toBe(1);
      await place(fresh.root);
      server.signal('SIGHUP');
      // Without a session of before, that it is refused looks like its absence.
      await until('it refuses the old one', async () => {
        // An old worker may take a connection for a moment yet.
        for (let times = 0; times < 3; times++) {
          const [now] = await lookAt(service, looking(new Map()));
          if (now?.trustsOld !== false) return false;
        }
        return true;
      });
      const [now] = await lookAt(service, looking(sessions));
      if (resumes)
        expect(now).toMatchObject({
          trustsOld: true,
          trustsNew: true,
          error: expect.stringContaining('resumes sessions that they began'),
        });
      else expect(now).toMatchObject({ trustsOld: false, trustsNew: true });
    },
    180_000,
  );
});
