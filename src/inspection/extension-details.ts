import { toHex } from '../pki/encoding.ts';
import { OID } from '../pki/oids.ts';
import type { Extension } from '../pki/x509/extension.ts';
import {
  type GeneralSubtree,
  parseAuthorityKeyIdentifier,
  parseBasicConstraints,
  parseExtKeyUsage,
  parseKeyUsage,
  parseNameConstraints,
  parseSubjectAltName,
  parseSubjectKeyIdentifier,
} from '../pki/x509/extensions.ts';
import { formatGeneralName } from '../pki/x509/general-name.ts';
import {
  type AccessDescription,
  accessDescriptions,
  distributionPointNames,
  policyIdentifiers,
} from './extension-values.ts';
import { extensionName, purposeName } from './oid-names.ts';
import { critical, messageOf, type Problem } from './problem.ts';
import { serialText } from './serial-text.ts';

/** Every extension in order; `value` is there when nothing else in the document shows what it holds. */
export interface ExtensionSummary {
  oid: string;
  name?: string;
  critical: boolean;
  /** Hex of the value. */
  value?: string;
  /** Why the value does not decode. */
  malformed?: string;
}

/** What the extensions of a certificate or a request say. */
export interface ExtensionDetails {
  keyUsage?: string[];
  extendedKeyUsage?: string[];
  basicConstraints?: { cA: boolean; pathLenConstraint?: number };
  nameConstraints?: { permitted: string[]; excluded: string[] };
  subjectKeyIdentifier?: string;
  /** The key identifier alone. */
  authorityKeyIdentifier?: string;
  authorityCertIssuer?: string[];
  authorityCertSerialNumber?: string;
  crlDistributionPoints?: string[];
  authorityInfoAccess?: AccessDescription[];
  certificatePolicies?: string[];
  extensions: ExtensionSummary[];
}

type Decoder = (value: Uint8Array) => Omit<ExtensionDetails, 'extensions'>;

const DECODERS: Record<string, Decoder> = {
  [OID.keyUsage]: (value) => ({ keyUsage: [...parseKeyUsage(value)] }),
  [OID.extKeyUsage]: (value) => ({ extendedKeyUsage: parseExtKeyUsage(value).map(purposeName) }),
  [OID.basicConstraints]: (value) => {
    const { cA, pathLenConstraint } = parseBasicConstraints(value);
    return { basicConstraints: { cA, ...(pathLenConstraint === undefined ? {} : { pathLenConstraint }) } };
  },
  [OID.nameConstraints]: (value) => {
    const { permitted, excluded } = parseNameConstraints(value);
    const text = (subtrees: GeneralSubtree[]): string[] => subtrees.map(({ base }) => formatGeneralName(base));
    return { nameConstraints: { permitted: text(permitted), excluded: text(excluded) } };
  },
  [OID.subjectKeyIdentifier]: (value) => ({ subjectKeyIdentifier: toHex(parseSubjectKeyIdentifier(value)) }),
  [OID.authorityKeyIdentifier]: (value) => {
    const { keyIdentifier, authorityCertIssuer, authorityCertSerialNumber } = parseAuthorityKeyIdentifier(value);
    return {
      ...(keyIdentifier === undefined ? {} : { authorityKeyIdentifier: toHex(keyIdentifier) }),
      ...(authorityCertIssuer === undefined ? {} : { authorityCertIssuer: authorityCertIssuer.map(formatGeneralName) }),
      ...(authorityCertSerialNumber === undefined
        ? {}
        : { authorityCertSerialNumber: serialText(authorityCertSerialNumber) }),
    };
  },
  [OID.cRLDistributionPoints]: (value) => ({ crlDistributionPoints: distributionPointNames(value) }),
  [OID.authorityInfoAccess]: (value) => ({ authorityInfoAccess: accessDescriptions(value) }),
  [OID.certificatePolicies]: (value) => ({ certificatePolicies: policyIdentifiers(value) }),
  // Shown as subjectAltNames by whoever calls; decoded here so that a malformed one is reported.
  [OID.subjectAltName]: (value) => {
    parseSubjectAltName(value).map(formatGeneralName);
    return {};
  },
};

/** Decodes what is known. A value that does not decode is a problem and stays in `extensions` as hex; nothing is thrown. */
export function describeExtensions(extensions: readonly Extension[]): {
  details: ExtensionDetails;
  problems: Problem[];
} {
  const details: ExtensionDetails = { extensions: [] };
  const problems: Problem[] = [];
  for (const extension of extensions) {
    const name = extensionName(extension.oid);
    const summary: ExtensionSummary = { oid: extension.oid, ...(name && { name }), critical: extension.critical };
    const decode = DECODERS[extension.oid];
    try {
      if (decode === undefined) summary.value = toHex(extension.value);
      else Object.assign(details, decode(extension.value));
    } catch (error) {
      summary.value = toHex(extension.value);
      summary.malformed = messageOf(error);
      problems.push(critical('malformed-extension', `extension ${name ?? extension.oid}: ${summary.malformed}`));
    }
    details.extensions.push(summary);
  }
  return { details, problems };
}
