import type { PolicyInformation, PolicyMapping } from '../x509/policies.ts';

export const ANY_POLICY = '2.5.29.32.0';

/** Whether a mapping is from or to anyPolicy, which RFC 5280 §6.1.4(a) forbids. */
export function mapsAnyPolicy(mappings: readonly PolicyMapping[]): boolean {
  return mappings.some(
    ({ issuerDomainPolicy, subjectDomainPolicy }) =>
      issuerDomainPolicy === ANY_POLICY || subjectDomainPolicy === ANY_POLICY,
  );
}

/** A node of the valid policy graph (RFC 9618 §5.2); a node without parents is the root. */
interface PolicyNode {
  validPolicy: string;
  expected: ReadonlySet<string>;
  parents: PolicyNode[];
}

/** Takes note of work: policies, mappings and edges that are looked at. */
type Spend = (steps: number) => void;

/**
 * The valid policy graph of RFC 9618, one level a certificate, at most one node a policy in each: it grows with the
 * policies of the certificates, not with their product as RFC 5280's tree did.
 */
export class PolicyGraph {
  readonly #spend: Spend;
  /** Undefined once the graph is NULL. */
  #levels: Map<string, PolicyNode>[] | undefined = [
    new Map([[ANY_POLICY, { validPolicy: ANY_POLICY, expected: new Set([ANY_POLICY]), parents: [] }]]),
  ];

  /** `spend` is called before each pass, with how much it walks. */
  constructor(spend: Spend) {
    this.#spend = spend;
  }

  get isNull(): boolean {
    return this.#levels === undefined;
  }

  /** RFC 5280 §6.1.3(d), (e), by RFC 9618 §5.3: the policies of the next certificate; `acceptAny` when anyPolicy counts in it. */
  addCertificate(policies: readonly PolicyInformation[] | undefined, acceptAny: boolean): void {
    if (policies === undefined) this.#levels = undefined;
    if (this.#levels === undefined || policies === undefined) return;
    const above = this.#levels[this.#levels.length - 1] as Map<string, PolicyNode>;
    this.#spend(policies.length + expectations(above));
    const expecting = parentsByExpectedPolicy(above);
    const anyParent = above.get(ANY_POLICY);
    const level = new Map<string, PolicyNode>();
    for (const { policyIdentifier: policy } of policies) {
      if (policy === ANY_POLICY) continue;
      const parents = expecting.get(policy) ?? (anyParent === undefined ? [] : [anyParent]);
      if (parents.length > 0) level.set(policy, { validPolicy: policy, expected: new Set([policy]), parents });
    }
    if (acceptAny && policies.some(({ policyIdentifier }) => policyIdentifier === ANY_POLICY))
      for (const [policy, parents] of expecting)
        if (!level.has(policy)) level.set(policy, { validPolicy: policy, expected: new Set([policy]), parents });
    this.#levels.push(level);
    this.#prune();
  }

  /** RFC 5280 §6.1.4(b), by RFC 9618 §5.4: what the certificate just added maps; `allowed` is policy_mapping > 0. */
  map(mappings: readonly PolicyMapping[], allowed: boolean): void {
    if (this.#levels === undefined) return;
    this.#spend(mappings.length);
    const level = this.#levels[this.#levels.length - 1] as Map<string, PolicyNode>;
    const targets = new Map<string, Set<string>>();
    for (const { issuerDomainPolicy, subjectDomainPolicy } of mappings) {
      const set = targets.get(issuerDomainPolicy);
      if (set === undefined) targets.set(issuerDomainPolicy, new Set([subjectDomainPolicy]));
      else set.add(subjectDomainPolicy);
    }
    for (const [policy, expected] of targets) {
      if (!allowed) {
        level.delete(policy);
        continue;
      }
      const node = level.get(policy);
      const any = level.get(ANY_POLICY);
      if (node !== undefined) node.expected = expected;
      else if (any !== undefined) level.set(policy, { validPolicy: policy, expected, parents: any.parents });
    }
    if (!allowed) this.#prune();
  }

  /**
   * RFC 5280 §6.1.5(g), by RFC 9618 §5.5: the policies under which the whole path is valid, in the first certificate's
   * terms, of those the user accepts (`[ANY_POLICY]` accepts every one).
   */
  userConstrained(accepted: readonly string[]): string[] {
    if (this.#levels === undefined) return [];
    for (const level of this.#levels) this.#spend(edges(level));
    const authority = new Set<string>();
    let any = this.#levels[this.#levels.length - 1]?.has(ANY_POLICY) === true;
    for (const level of this.#levels.slice(1))
      for (const node of level.values())
        if (node.validPolicy !== ANY_POLICY && node.parents.some(({ validPolicy }) => validPolicy === ANY_POLICY))
          authority.add(node.validPolicy);
    if (this.#levels.length === 1) any = true;
    if (accepted.includes(ANY_POLICY)) return any ? [ANY_POLICY] : [...authority];
    return any ? [...accepted] : accepted.filter((policy) => authority.has(policy));
  }

  /** RFC 5280 §6.1.3(d)(3), by RFC 9618 §5.3: nodes above the last level that nothing descends from go; an empty graph is NULL. */
  #prune(): void {
    const levels = this.#levels as Map<string, PolicyNode>[];
    for (let depth = levels.length - 1; depth > 0; depth--) {
      const level = levels[depth] as Map<string, PolicyNode>;
      this.#spend(edges(level));
      const used = new Set<PolicyNode>();
      for (const node of level.values()) for (const parent of node.parents) used.add(parent);
      const above = levels[depth - 1] as Map<string, PolicyNode>;
      for (const [policy, node] of above) if (!used.has(node)) above.delete(policy);
    }
    if (levels[0]?.size === 0) this.#levels = undefined;
  }
}

function expectations(level: ReadonlyMap<string, PolicyNode>): number {
  let count = level.size;
  for (const { expected } of level.values()) count += expected.size;
  return count;
}

function edges(level: ReadonlyMap<string, PolicyNode>): number {
  let count = level.size;
  for (const { parents } of level.values()) count += parents.length;
  return count;
}

function parentsByExpectedPolicy(level: ReadonlyMap<string, PolicyNode>): Map<string, PolicyNode[]> {
  const parents = new Map<string, PolicyNode[]>();
  for (const node of level.values())
    for (const policy of node.expected) {
      const list = parents.get(policy);
      if (list === undefined) parents.set(policy, [node]);
      else list.push(node);
    }
  return parents;
}

/** The counters and the graph that walk down a path (RFC 5280 §6.1.2(d) to (f), §6.1.4(h) to (j), §6.1.5(a), (b)). */
export class PolicyState {
  readonly graph: PolicyGraph;
  #explicitPolicy: number;
  #inhibitAnyPolicy: number;
  #policyMapping: number;

  constructor(
    length: number,
    inputs: { requireExplicitPolicy?: boolean; inhibitAnyPolicy?: boolean; inhibitPolicyMapping?: boolean },
    spend: Spend,
  ) {
    this.graph = new PolicyGraph(spend);
    this.#explicitPolicy = inputs.requireExplicitPolicy === true ? 0 : length + 1;
    this.#inhibitAnyPolicy = inputs.inhibitAnyPolicy === true ? 0 : length + 1;
    this.#policyMapping = inputs.inhibitPolicyMapping === true ? 0 : length + 1;
  }

  /** §6.1.3(d) to (f). @returns false when an explicit policy is required and none is left */
  enter(policies: readonly PolicyInformation[] | undefined, selfIssuedIntermediate: boolean): boolean {
    this.graph.addCertificate(policies, this.#inhibitAnyPolicy > 0 || selfIssuedIntermediate);
    return this.#explicitPolicy > 0 || !this.graph.isNull;
  }

  /** §6.1.4(b). */
  map(mappings: readonly PolicyMapping[]): void {
    this.graph.map(mappings, this.#policyMapping > 0);
  }

  /** §6.1.4(h) to (j): to the next certificate. */
  next(
    selfIssued: boolean,
    constraints: { requireExplicitPolicy: number | undefined; inhibitPolicyMapping: number | undefined } | undefined,
    inhibitAnyPolicy: number | undefined,
  ): void {
    if (!selfIssued) {
      this.#explicitPolicy = Math.max(0, this.#explicitPolicy - 1);
      this.#policyMapping = Math.max(0, this.#policyMapping - 1);
      this.#inhibitAnyPolicy = Math.max(0, this.#inhibitAnyPolicy - 1);
    }
    this.#explicitPolicy = Math.min(this.#explicitPolicy, constraints?.requireExplicitPolicy ?? Infinity);
    this.#policyMapping = Math.min(this.#policyMapping, constraints?.inhibitPolicyMapping ?? Infinity);
    this.#inhibitAnyPolicy = Math.min(this.#inhibitAnyPolicy, inhibitAnyPolicy ?? Infinity);
  }

  /** §6.1.5(a), (b) and (g): whether the path is valid under a policy that the user accepts, or needs none. */
  finish(requireExplicitPolicy: number | undefined, accepted: readonly string[]): boolean {
    this.#explicitPolicy = Math.max(0, this.#explicitPolicy - 1);
    if (requireExplicitPolicy === 0) this.#explicitPolicy = 0;
    return this.#explicitPolicy > 0 || this.graph.userConstrained(accepted).length > 0;
  }
}
