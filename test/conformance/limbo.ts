import { readFileSync } from 'node:fs';
import { sha256 } from '../../src/crypto/hash.ts';
import { createVerifySignature } from '../../src/crypto/verify-signature.ts';
import { type PathOptions, type PathVerdict, type Purpose, verifyPath } from '../../src/pki/path/index.ts';
import { decodePem } from '../../src/pki/pem.ts';

/** A test case of x509-limbo, as far as it is used here. */
export interface LimboCase {
  id: string;
  expected_result: 'SUCCESS' | 'FAILURE';
  trusted_certs: string[];
  untrusted_intermediates: string[];
  peer_certificate: string;
  crls: string[] | null;
  validation_time: string | null;
  expected_peer_name: { value: string } | null;
  extended_key_usage: string[];
  max_chain_depth: number | null;
}

/** For the cases without a time of their own: inside the validity of all their certificates. */
export const DEFAULT_TIME = '2025-06-01T00:00:00Z';
export const PURPOSES: Record<string, Purpose> = { serverAuth: 'server', clientAuth: 'client' };

export function readLimbo(name: string): LimboCase[] {
  const url = new URL(name, import.meta.url);
  return (JSON.parse(readFileSync(url, 'utf8')) as { testcases: LimboCase[] }).testcases;
}

export function readJson(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8')) as Record<string, unknown>;
}

const verify = createVerifySignature();
const sources = (pem: string): { der: Uint8Array }[] => decodePem(pem).map(({ bytes }) => ({ der: bytes }));

export function runLimbo(test: LimboCase, strict: boolean): PathVerdict {
  const options: PathOptions = {
    names: test.expected_peer_name === null ? [] : [test.expected_peer_name.value],
    purposes: test.extended_key_usage.map((usage) => PURPOSES[usage] ?? usage),
    strict,
    ...(test.max_chain_depth === null ? {} : { maxDepth: test.max_chain_depth }),
  };
  const [target] = sources(test.peer_certificate);
  if (target === undefined) throw new Error(`${test.id} has no certificate`);
  return verifyPath({
    target,
    anchors: test.trusted_certs.flatMap(sources),
    untrusted: test.untrusted_intermediates.flatMap(sources),
    crls: test.crls?.length ? test.crls.flatMap(sources) : undefined,
    now: new Date(test.validation_time ?? DEFAULT_TIME),
    options,
    verify,
    sha256,
  });
}
