import type { CertificateTemplate } from '../template.ts';
import { basicConstraints, keyUsage } from '../x509/extensions.ts';
import { templateBelow } from './issuer.ts';
import type { ProfileInput } from './profile.ts';

/**
 * A new root's key, certified by the old root (RFC 4210 §4.4: NewWithOld). As a root's certificate, without a path
 * length: the new root's issuing CAs come below it (RFC 5280 §4.2.1.9).
 * @param commonNameText the new root's, so that what it issued chains up to this certificate too
 */
export function crossTemplate(input: ProfileInput, commonNameText: string): CertificateTemplate {
  return templateBelow(input, 'cross', commonNameText, [basicConstraints(true), keyUsage('keyCertSign', 'cRLSign')]);
}
