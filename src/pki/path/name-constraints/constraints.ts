import type { GeneralSubtree, NameConstraints } from '../../x509/extensions.ts';
import type { GeneralName } from '../../x509/general-name.ts';
import type { Mailbox } from '../names/email.ts';
import { directorySubtree } from './directory.ts';
import { type ConstrainedDnsName, dnsSubtree } from './dns.ts';
import { emailSubtree } from './email.ts';
import { ipSubtree } from './ip.ts';
import type { ConstrainedName, ConstrainedNames } from './names.ts';
import type { Subtree } from './subtree.ts';
import { uriSubtree } from './uri.ts';

interface Subtrees<T> {
  permitted: Subtree<T>[];
  excluded: Subtree<T>[];
}

/** The name constraints of one CA, ready to be applied to many certificates. */
export interface CompiledConstraints {
  dns: Subtrees<ConstrainedDnsName>;
  ip: Subtrees<Uint8Array | undefined>;
  email: Subtrees<Mailbox | undefined>;
  uri: Subtrees<string[] | undefined>;
  directory: Subtrees<string[] | undefined>;
  /** Forms that are constrained here and cannot be compared (RFC 5280 §4.2.1.10 lets such a name only be refused). */
  incomparable: Set<GeneralName['type']>;
  /** Whether a dNSName subtree begins with a period, which RFC 5280 does not define. */
  leadingPeriod: boolean;
}

export interface NameViolation {
  kind: 'not-permitted' | 'excluded' | 'unsupported' | 'malformed';
  /** The name, with its form: `DNS:a.example`. */
  name: string;
}

/** Reads a nameConstraints extension. @throws SubtreeError for a base that is no legal one of its form */
export function compileConstraints(constraints: NameConstraints): CompiledConstraints {
  const compiled: CompiledConstraints = {
    dns: { permitted: [], excluded: [] },
    ip: { permitted: [], excluded: [] },
    email: { permitted: [], excluded: [] },
    uri: { permitted: [], excluded: [] },
    directory: { permitted: [], excluded: [] },
    incomparable: new Set(),
    leadingPeriod: false,
  };
  for (const subtree of constraints.permitted) addSubtree(compiled, 'permitted', subtree);
  for (const subtree of constraints.excluded) addSubtree(compiled, 'excluded', subtree);
  return compiled;
}

function addSubtree(into: CompiledConstraints, side: 'permitted' | 'excluded', { base }: GeneralSubtree): void {
  switch (base.type) {
    case 'dns':
      into.leadingPeriod ||= base.value.startsWith('.');
      into.dns[side].push(dnsSubtree(base.value));
      break;
    case 'ip':
      into.ip[side].push(ipSubtree(base.value));
      break;
    case 'email':
      into.email[side].push(emailSubtree(base.value));
      break;
    case 'uri':
      into.uri[side].push(uriSubtree(base.value));
      break;
    case 'directory':
      into.directory[side].push(directorySubtree(base.value));
      break;
    default:
      into.incomparable.add(base.type);
  }
}

/**
 * Every name that the constraints forbid (RFC 5280 §6.1.3(b) and (c)): in an excluded subtree, or, where the form has
 * permitted subtrees, in none of these. A malformed DNS name, address or mailbox is forbidden by constraints of any
 * form, as one cannot know what a user of the certificate takes it for. `spend` is told of each comparison and may
 * throw to end the work.
 */
export function findViolations(
  constraints: CompiledConstraints,
  names: ConstrainedNames,
  spend: (comparisons: number) => void = () => {},
): NameViolation[] {
  const violations: NameViolation[] = names.malformed.map((name) => ({ kind: 'malformed', name }));
  const apply = <T>({ permitted, excluded }: Subtrees<T>, list: ConstrainedName<T>[]): void => {
    if (permitted.length + excluded.length === 0) return;
    for (const name of list) {
      spend(permitted.length + excluded.length);
      const { value } = name;
      if (excluded.some((subtree) => subtree.touches(value))) violations.push({ kind: 'excluded', name: name.text });
      else if (permitted.length > 0 && !permitted.some((subtree) => subtree.holds(value)))
        violations.push({ kind: 'not-permitted', name: name.text });
    }
  };
  apply(constraints.dns, names.dns);
  apply(constraints.ip, names.ip);
  apply(constraints.email, names.email);
  apply(constraints.uri, names.uri);
  apply(constraints.directory, names.directory);
  for (const name of names.incomparable)
    if (constraints.incomparable.has(name.value)) violations.push({ kind: 'unsupported', name: name.text });
  return violations;
}
