import { DEFAULT_RANGES } from '../authority/constraints.ts';
import { makePolicy } from '../init/policy.ts';
import type { PolicyOptions } from '../init/policy-options.ts';
import type { Policy } from '../keystore/log/bodies.ts';

/** The lifetimes that `init` has flags for, in the order in which they are asked. */
export const LIFETIMES = [
  'rootLifetime',
  'issuingLifetime',
  'nodeLifetime',
  'rotateBefore',
  'alertBefore',
  'crlLifetime',
] as const;
export type Lifetime = (typeof LIFETIMES)[number];

/** What `init` is to be asked for. What is absent is left to its default. */
export interface Answers extends PolicyOptions {
  cluster: string;
  /** Where, when not in the default place. */
  keystore?: string | undefined;
  keyFile?: string | undefined;
}

/**
 * The policy that answers so far come to. A lifetime that was not asked for yet gives way to one that was: what it
 * becomes is the next question's default.
 * @throws ERR_USAGE, ERR_POLICY for an answer that cannot be
 */
export function policySoFar(answers: Answers): Policy {
  const { cluster, ...options } = answers;
  const { rootLifetime, issuingLifetime } = options;
  const longest = Math.min(issuingLifetime ?? Number.POSITIVE_INFINITY, rootLifetime ?? Number.POSITIVE_INFINITY);
  const defaults = makePolicy(cluster, { domains: options.domains });
  const capped = (name: 'nodeLifetime' | 'crlLifetime'): number => options[name] ?? Math.min(defaults[name], longest);
  return makePolicy(cluster, { ...options, nodeLifetime: capped('nodeLifetime'), crlLifetime: capped('crlLifetime') });
}

/** The answers as `init` takes them: what is the default anyway is left out. */
export function withoutDefaults(answers: Answers): Answers {
  const policy = policySoFar(answers);
  const { cluster, keystore, keyFile } = answers;
  let out: Answers = { cluster, keystore, keyFile };
  const differs = (a: unknown, b: unknown): boolean => JSON.stringify(a) !== JSON.stringify(b);
  const keep = (options: PolicyOptions): void => {
    out = { ...out, ...options };
  };
  const defaults = makePolicy(cluster, {});
  if (differs(policy.domains, defaults.domains)) keep({ domains: policy.domains });
  if (differs(policy.permitIp, DEFAULT_RANGES)) keep({ permitIp: answers.permitIp });
  if (differs(policy.planes, defaults.planes)) keep({ planes: policy.planes });
  if (policy.keyType !== defaults.keyType) keep({ keyType: policy.keyType });
  if (policy.nodeKeyType !== defaults.nodeKeyType) keep({ nodeKeyType: policy.nodeKeyType });
  if (policy.crlUrl !== undefined) keep({ crlUrl: policy.crlUrl });
  // One by one, in the order in which the later ones' defaults follow from the earlier ones.
  for (const name of LIFETIMES)
    if (differs(policyOf(out)[name], policy[name])) keep({ [name]: policy[name] } satisfies PolicyOptions);
  return out;
}

/** What `init` makes of these options: without the giving way, which only the wizard does. */
function policyOf({ cluster, ...options }: Answers): PolicyOptions {
  try {
    return makePolicy(cluster, options);
  } catch {
    // A default that does not capped is told apart from every answer: the answer is then kept.
    return {};
  }
}
