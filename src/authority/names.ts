/** A root's common name: each generation has its own (docs/design.md). */
export function rootName(cluster: string, generation: number): string {
  return `${cluster} Root CA G${generation}`;
}

/** An issuing CA's common name; `number` counts those of one generation. */
export function issuingName(cluster: string, generation: number, number: number): string {
  return `${cluster} Issuing CA G${generation}.${number}`;
}

/** The common name of the audit key's certificate by a root. */
export function auditName(cluster: string, generation: number): string {
  return `${cluster} Audit G${generation}`;
}
