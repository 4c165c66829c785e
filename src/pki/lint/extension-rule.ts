import { equalBytes } from '../der/writer.ts';
import type { ProfileName } from '../profile/profile.ts';
import type { Certificate } from '../x509/certificate.ts';
import { type Extension, findExtension } from '../x509/extension.ts';
import type { CertificateLintContext, CertificateRule } from './rule.ts';

interface ExtensionRule {
  name: string;
  source: string;
  /** What is wrong with the extension, undefined where it is absent: of it, the profile and the issuer nothing else counts. */
  check(extension: Extension | undefined, context: CertificateLintContext): string | undefined;
}

/** What passed: these octets, for this profile and issuer. */
interface Passed {
  profile: ProfileName;
  issuer: Certificate;
  critical: boolean;
  value: Uint8Array;
}

/**
 * A rule over one extension alone. The octets that passed last are kept: where a certificate has the same ones, for the
 * same profile and issuer, they are compared and not decoded again. The certificates of a fleet differ in few parts.
 */
export function extensionRule(type: string, { name, source, check }: ExtensionRule): CertificateRule {
  let last: Passed | undefined;
  return {
    name,
    source,
    check(certificate, context) {
      const extension = findExtension(certificate.extensions, type);
      if (extension === undefined) return check(extension, context);
      if (last !== undefined && hasPassed(last, extension, context)) return undefined;
      const message = check(extension, context);
      if (message === undefined)
        last = {
          profile: context.profile,
          issuer: context.issuer,
          critical: extension.critical,
          value: extension.value.slice(),
        };
      return message;
    },
  };
}

function hasPassed(last: Passed, { critical, value }: Extension, { profile, issuer }: CertificateLintContext): boolean {
  return (
    last.profile === profile && last.issuer === issuer && last.critical === critical && equalBytes(last.value, value)
  );
}
