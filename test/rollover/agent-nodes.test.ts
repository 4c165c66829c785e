import { expect, test } from '@jest/globals';
import type { Service } from '../../src/inventory/services.ts';
import { lastAnswers, reportedServices, subjectsOf } from '../../src/rollover/evidence/subjects.ts';
import type { Proof } from '../../src/rollover/planning/proof.ts';
import type { LiveCertificate } from '../../src/rollover/planning/situation.ts';
import { untold } from '../../src/rollover/running/agent-nodes.ts';

// Which services of nodes with an agent are gated: those that it told of in its last answer.

const NOW = 1_000_000;
const nodes = ['n1'];
const said = (service: string, more: Partial<Proof> = {}): Proof => ({
  kind: 'node',
  name: 'n1',
  plane: 'data',
  service,
  role: 'accept',
  at: NOW,
  ...more,
});
const certificate = (name: string, more: Partial<LiveCertificate> = {}): LiveCertificate => ({
  kind: 'node',
  name,
  plane: 'data',
  serial: '41',
  issuer: 'old',
  notAfter: NOW * 2,
  revoked: false,
  superseded: false,
  ...more,
});
const inventory = (name: string, label: string): Service =>
  ({ holder: { kind: 'node', name }, plane: 'data', kind: 'redis', address: label.split(' ')[1], label }) as Service;
const texts = (...args: Parameters<typeof subjectsOf>): string[] =>
  subjectsOf(...args).map(({ name, service, role, atLeast }) => [name, service, role, atLeast].join('|'));

test('what an agent said before its last answer is not of now; a handshake of somebody else is no answer of its', () => {
  const proofs = [
    said('redis a:1', { at: NOW - 1 }),
    said('redis a:2', { provenBy: 'agent' }),
    said('redis a:3', { at: NOW + 5, provenBy: 'handshake' }),
    said('redis a:4', { name: 'n2' }),
  ];
  expect(lastAnswers({ nodes, proofs }).map(({ service }) => service)).toEqual(['redis a:2']);
  expect(reportedServices({ nodes, proofs }).map(({ label, address }) => [label, address])).toEqual([
    ['redis a:2', 'a:2'],
  ]);
});

test('what can be spoken to wants the handshakes of its agent, files their own', () => {
  const proofs = [said('redis 127.0.0.1:1'), said('postgres 127.0.0.1:2'), said('files /etc/tls')];
  expect(texts([], [certificate('n1')], 'root', { nodes, proofs })).toEqual([
    'n1|redis 127.0.0.1:1|accept|agent',
    'n1|redis 127.0.0.1:1|connect|agent',
    'n1|postgres 127.0.0.1:2|accept|agent',
    'n1|postgres 127.0.0.1:2|connect|file',
    'n1|files /etc/tls|accept|file',
    'n1|files /etc/tls|connect|file',
  ]);
});

test('a node whose agent has said nothing is gated, and no word of an operator counts; others are as ever', () => {
  const certificates = [certificate('n1'), certificate('n2')];
  const expected = ['n1||accept|agent', 'n1||connect|agent', 'n2||accept|declared', 'n2||connect|declared'];
  expect(texts([], certificates, 'root', { nodes, proofs: [] })).toEqual(expected);
  expect(texts([], certificates, 'root', { nodes, proofs: [said('', { error: 'silent' })] })).toEqual(expected);
  // Of a plane that its agent has no service on nobody can see where the certificate is.
  const control = [certificate('n1', { plane: 'control' })];
  expect(texts([], control, 'root', { nodes, proofs: [said('files /a')] }).slice(2)).toEqual([
    'n1||accept|declared',
    'n1||connect|declared',
  ]);
});

test('a service that the inventory has on such a node, and its agent has not, blocks', () => {
  const services = [inventory('n1', 'redis a:1'), inventory('n1', 'redis a:2'), inventory('n2', 'redis a:3')];
  const answers = [said('redis a:1')];
  const missing = untold(services, nodes, answers, NOW + 9);
  expect(missing.map(({ service, role, at }) => [service, role, at])).toEqual([
    ['redis a:2', 'accept', NOW],
    ['redis a:2', 'connect', NOW],
  ]);
  expect(texts(services, [], 'root', { nodes, proofs: [...answers, ...missing] })).toEqual([
    'n2|redis a:3|accept|handshake',
    'n2|redis a:3|connect|handshake',
    'n1|redis a:1|accept|agent',
    'n1|redis a:1|connect|agent',
    'n1|redis a:2|accept|agent',
    'n1|redis a:2|connect|agent',
  ]);
  // Of one that does not answer that is said already.
  expect(untold(services, nodes, [said('', { error: 'silent' })], NOW)).toEqual([]);
});
