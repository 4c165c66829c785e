import type { PathCertificate } from './path-certificate.ts';

/**
 * The names from which, by names alone, a path may lead to an anchor: the anchors' own, and what is issued below them.
 * Whatever else is a dead end, however many candidates there are.
 */
export function namesBelow(
  anchors: readonly PathCertificate[],
  intermediates: readonly PathCertificate[],
): ReadonlySet<string> {
  const issued = new Map<string, string[]>();
  for (const { issuerKey, subjectKey } of intermediates) {
    const list = issued.get(issuerKey);
    if (list === undefined) issued.set(issuerKey, [subjectKey]);
    else list.push(subjectKey);
  }
  const names = new Set(anchors.map(({ subjectKey }) => subjectKey));
  for (const name of names) for (const below of issued.get(name) ?? []) names.add(below);
  return names;
}
