import { DEFAULT_RANGES } from '../authority/constraints.ts';
import { ClusterCaError } from '../errors.ts';
import { checkClusterName } from '../init/policy.ts';
import { CA_KEY_TYPES, KEY_TYPES, type KeyType } from '../pki/x509/algorithm.ts';
import type { Choice, Prompts, Validate } from '../ui/prompts.ts';
import { formatDuration, parseDuration } from '../values/duration.ts';
import { type Answers, LIFETIMES, type Lifetime, policySoFar } from './answers.ts';

/** Asks one thing that the answers lack, and gives the answers with it. */
export type Question = (answers: Answers, prompts: Prompts) => Promise<Answers>;

/** A check that throws, as inquirer wants it: what is wrong in words, or true. */
export function validated(check: (answer: string) => unknown): Validate {
  return async (answer) => {
    try {
      await check(answer);
      return true;
    } catch (error) {
      if (!(error instanceof ClusterCaError)) throw error;
      return error.hint === undefined ? error.message : `${error.message}: ${error.hint}`;
    }
  };
}

/** Words between spaces or commas. */
const words = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== '');

export async function askCluster(prompts: Prompts, check: (cluster: string) => unknown): Promise<string> {
  return prompts.ask(
    "The cluster's name:",
    undefined,
    validated((text) => {
      checkClusterName(text);
      return check(text);
    }),
  );
}

export const askDomains: Question = async (answers, prompts) => {
  if (answers.domains !== undefined) return answers;
  const text = await prompts.ask(
    "Domains of the nodes' names, the first is the trust domain:",
    policySoFar(answers).domains.join(' '),
    validated((typed) => policySoFar({ ...answers, domains: atLeastOne(words(typed), 'domain') })),
  );
  return { ...answers, domains: words(text) };
};

export const askRanges: Question = async (answers, prompts) => {
  if (answers.permitIp !== undefined) return answers;
  const which = await prompts.askChoice("Addresses of the nodes' certificates:", [
    { value: 'default', name: 'private and loopback ranges', description: DEFAULT_RANGES.join(' ') },
    { value: 'own', name: 'ranges of my own, and loopback' },
    { value: 'none', name: 'no address at all: names only' },
  ]);
  if (which === 'default') return answers;
  if (which === 'none') return { ...answers, permitIp: ['none'] };
  const text = await prompts.ask(
    'Ranges, such as 10.20.0.0/16:',
    undefined,
    validated((typed) => policySoFar({ ...answers, permitIp: atLeastOne(words(typed), 'range') })),
  );
  return { ...answers, permitIp: words(text) };
};

export const askPlanes: Question = async (answers, prompts) => {
  if (answers.planes !== undefined) return answers;
  const text = await prompts.ask(
    'Planes (each node gets a certificate for each):',
    policySoFar(answers).planes.join(' '),
    validated((typed) => policySoFar({ ...answers, planes: atLeastOne(words(typed), 'plane') })),
  );
  return { ...answers, planes: words(text) };
};

export const askKeyType: Question = async (answers, prompts) => {
  if (answers.keyType !== undefined) return answers;
  return { ...answers, keyType: await prompts.askChoice("The CAs' keys:", keyTypes(CA_KEY_TYPES)) };
};

/** Lifetimes and the nodes' key type, for those who want them otherwise. */
export const askAdvanced: Question = async (answers, prompts) => {
  const { rootLifetime, issuingLifetime, nodeLifetime, rotateBefore } = policySoFar(answers);
  const [root, issuing, node, rotate] = [rootLifetime, issuingLifetime, nodeLifetime, rotateBefore].map(formatDuration);
  const question = `Lifetimes: root CA ${root}, issuing CA ${issuing}, nodes ${node}, rotated at ${rotate}. Change?`;
  if (!(await prompts.confirm(question))) return answers;
  let changed = answers;
  if (changed.nodeKeyType === undefined)
    changed = { ...changed, nodeKeyType: await prompts.askChoice("The nodes' keys:", keyTypes(KEY_TYPES)) };
  for (const name of LIFETIMES) changed = await askLifetime(changed, name, prompts);
  return changed;
};

const LIFETIME_WORDS: Record<Lifetime, string> = {
  rootLifetime: 'Lifetime of the root CA:',
  issuingLifetime: 'Lifetime of the issuing CA:',
  nodeLifetime: 'Lifetime of node certificates:',
  rotateBefore: 'Rotate when this much is left:',
  alertBefore: 'Alert when less than this is left:',
  crlLifetime: 'Lifetime of CRLs:',
};

async function askLifetime(answers: Answers, name: Lifetime, prompts: Prompts): Promise<Answers> {
  if (answers[name] !== undefined) return answers;
  const text = await prompts.ask(
    LIFETIME_WORDS[name],
    formatDuration(policySoFar(answers)[name]),
    validated((typed) => policySoFar({ ...answers, [name]: seconds(typed) })),
  );
  return { ...answers, [name]: seconds(text) };
}

/** @throws ERR_USAGE */
function seconds(text: string): number {
  const found = parseDuration(text.trim());
  if (found === undefined)
    throw new ClusterCaError('ERR_USAGE', 'a duration is a whole number and s, m, h, d or y, such as 90d');
  return found;
}

function atLeastOne(values: string[], what: string): string[] {
  if (values.length === 0) throw new ClusterCaError('ERR_USAGE', `at least one ${what}`);
  return values;
}

const KEY_TYPE_WORDS: Partial<Record<KeyType, string>> = {
  'ecdsa-p256': 'small, fast, understood everywhere: take it unless a rule says otherwise',
  'ecdsa-p384': 'for rules that ask for 192 bits of security',
  'rsa-3072': 'for servers or clients that know only RSA',
};

function keyTypes(types: readonly KeyType[]): Choice<KeyType>[] {
  return types.map((value) => {
    const description = KEY_TYPE_WORDS[value];
    return { value, name: value, ...(description === undefined ? {} : { description }) };
  });
}
