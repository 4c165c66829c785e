import { OID } from '../oids.ts';
import type { CertificateTemplate } from '../template.ts';
import type { Extension } from '../x509/extension.ts';
import { basicConstraints, cRLDistributionPoints, extKeyUsage, keyUsage, subjectAltName } from '../x509/extensions.ts';
import type { GeneralName } from '../x509/general-name.ts';
import { templateBelow } from './issuer.ts';
import type { ProfileInput } from './profile.ts';

export type EndEntityProfile = 'peer' | 'server' | 'client' | 'probe';

/** Redis uses one certificate for both roles of the bus, etcd's peers and its gateway too: peer has both purposes. */
const PURPOSES: Record<EndEntityProfile, Extension> = {
  peer: extKeyUsage([OID.serverAuth, OID.clientAuth]),
  server: extKeyUsage([OID.serverAuth]),
  client: extKeyUsage([OID.clientAuth]),
  probe: extKeyUsage([OID.clientAuth]),
};
const NOT_A_CA = basicConstraints(false);
const DIGITAL_SIGNATURE = keyUsage('digitalSignature');

export interface EndEntityInput extends ProfileInput {
  profile: EndEntityProfile;
  /** The node's or client's name. */
  commonName: string;
  /** DNS names, IP addresses and one URI, in this order. */
  subjectAltNames: GeneralName[];
  crlUrl?: string;
}

/**
 * A node's, client's or probe's certificate (RFC 5280 §4.2.1): its identity is in the subjectAltName. Key usage is
 * digitalSignature alone: TLS 1.2 with ECDHE and TLS 1.3 ask for no more. basicConstraints is there, with cA
 * absent, because some verifiers want it.
 */
export function endEntityTemplate(input: EndEntityInput): CertificateTemplate {
  const { profile, crlUrl } = input;
  return templateBelow(
    input,
    profile,
    input.commonName,
    [NOT_A_CA, DIGITAL_SIGNATURE, PURPOSES[profile], subjectAltName(input.subjectAltNames)],
    crlUrl === undefined ? [] : [cRLDistributionPoints(crlUrl)],
  );
}
