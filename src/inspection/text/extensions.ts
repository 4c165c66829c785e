import type { Entry } from '../../ui/text/lines.ts';
import { safeItem } from '../../ui/text/safe.ts';
import type { Style } from '../../ui/text/style.ts';
import type { ExtensionDetails, ExtensionSummary } from '../extension-details.ts';

const LONGEST_VALUE = 64;

/** What the extensions say, as entries for a certificate or a request. */
export function extensionEntries(details: ExtensionDetails, style: Style): Entry[] {
  const { basicConstraints, nameConstraints } = details;
  const list = (items: readonly string[] | undefined): string[] | undefined =>
    items?.map((item) => safeItem(item, style));
  return [
    { label: 'CA', value: basicConstraints && caText(basicConstraints) },
    { label: 'key usage', value: details.keyUsage?.join(', ') },
    { label: 'purposes', value: details.extendedKeyUsage?.join(', ') },
    { label: 'permitted', value: nameConstraints && list(nameConstraints.permitted) },
    { label: 'excluded', value: nameConstraints && list(nameConstraints.excluded) },
    { label: 'policies', value: details.certificatePolicies?.join(', ') },
    { label: 'CRL at', value: list(details.crlDistributionPoints) },
    {
      label: 'see also',
      value: details.authorityInfoAccess?.map(({ method, location }) => `${method} ${safeItem(location, style)}`),
    },
    { label: 'key id', value: details.subjectKeyIdentifier },
    { label: 'issuer key', value: details.authorityKeyIdentifier },
    { label: 'other', value: others(details.extensions) },
  ];
}

/** Extensions that nothing else shows; undefined when there are none. */
export function others(extensions: readonly ExtensionSummary[]): string[] | undefined {
  const unknown = extensions.filter(({ value }) => value !== undefined);
  return unknown.length === 0 ? undefined : unknown.map(extensionText);
}

function extensionText({ oid, name, critical, value = '' }: ExtensionSummary): string {
  const shown =
    value.length > LONGEST_VALUE ? `${value.slice(0, LONGEST_VALUE)}... (${value.length / 2} bytes)` : value;
  return `${name ?? oid}${critical ? ' (critical)' : ''} ${shown}`;
}

function caText({ cA, pathLenConstraint }: { cA: boolean; pathLenConstraint?: number }): string {
  if (!cA) return 'no';
  if (pathLenConstraint === undefined) return 'yes';
  if (pathLenConstraint === 0) return 'yes, with no CA below it';
  return `yes, with at most ${pathLenConstraint} CA${pathLenConstraint === 1 ? '' : 's'} below it`;
}
