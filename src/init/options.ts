import type { UnlockOptions } from '../unlocking.ts';
import type { PolicyOptions } from './policy-options.ts';

/** The options of `init`, as commander hands them over. */
export interface InitOptions extends UnlockOptions, Omit<PolicyOptions, 'domains' | 'planes'> {
  domain?: string[] | undefined;
  plane?: string[] | undefined;
  allowGroupRead?: boolean;
  /** The root CA is another PKI's: ask it for a certificate, or complete the keystore with the one it gave. */
  externalRoot?: boolean;
  issuingCert?: string;
  /** PKCS#11 URIs: of both CAs' keys, of the root's. */
  token?: string;
  rootToken?: string;
  dryRun?: boolean;
}

/** Those of them that make the policy. */
export function policyOptions(options: InitOptions): PolicyOptions {
  return { ...options, domains: options.domain, planes: options.plane };
}
