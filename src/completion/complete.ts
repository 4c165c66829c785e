import type { ArgumentDefinition, CommandDefinition, OptionDefinition } from '../command-definition.ts';
import { kindOf, nameOf, type Place, VALUES } from './kinds.ts';

/** A word that may stand at the cursor. */
export interface Candidate {
  value: string;
  meaning?: string | undefined;
}

export interface Completion {
  candidates: Candidate[];
  /** The shell is to offer its own files or directories too. */
  paths: 'files' | 'dirs' | undefined;
}

/** Where the names of things come from. `options` are those on the command line, by their long form. */
export interface Sources {
  names(kinds: readonly ('node' | 'client')[], prefix: string, options: Options): Promise<string[]>;
  planes(options: Options): Promise<string[]>;
  clusters(): Promise<string[]>;
  authorities(options: Options): Promise<string[]>;
  slots(options: Options): Promise<string[]>;
}
export type Options = ReadonlyMap<string, readonly string[]>;

/** Where the cursor is: in which command, after which options and words, and for which option's value. */
interface Position {
  command: CommandDefinition;
  /** The command's options and all that were inherited. */
  known: OptionDefinition[];
  options: Map<string, string[]>;
  words: string[];
  pending: OptionDefinition | undefined;
  terminated: boolean;
}

/**
 * What may stand at the cursor.
 * @param program the definitions, in full at least for the verb that is called
 * @param words behind the program's name; the last is the one at the cursor, '' when it is new
 */
export async function complete(
  program: CommandDefinition,
  words: readonly string[],
  sources: Sources,
): Promise<Completion> {
  const current = words.at(-1) ?? '';
  const at = walk(program, words.slice(0, -1));
  const inline = at.terminated ? null : /^(--[a-z-]+)=(.*)$/s.exec(current);
  if (inline !== null) {
    const [, flag, value = ''] = inline;
    const option = at.known.find(({ long }) => long === flag);
    if (option?.value === undefined) return nothing();
    const found = await optionValues(option, value, at, sources);
    return { ...found, candidates: found.candidates.map((c) => ({ ...c, value: `${flag}=${c.value}` })) };
  }
  if (at.pending?.value !== undefined) return optionValues(at.pending, current, at, sources);
  if (!at.terminated && current.startsWith('-')) return { candidates: flags(at, current), paths: undefined };
  if (at.command.commands.length > 0) return { candidates: subcommands(at, current), paths: undefined };
  const argument = argumentAt(at.command, at.words.length);
  if (argument === undefined) return { candidates: at.terminated ? [] : flags(at, current), paths: undefined };
  const place = { command: at.command.name, name: argument.name };
  const found = await valuesFor(place, argument.choices, current, at, sources);
  return { ...found, candidates: found.candidates.filter(({ value }) => !at.words.includes(value)) };
}

function walk(program: CommandDefinition, words: readonly string[]): Position {
  const at: Position = {
    command: program,
    known: [...program.options],
    options: new Map(),
    words: [],
    pending: undefined,
    terminated: false,
  };
  for (const word of words) step(at, word);
  return at;
}

function step(at: Position, word: string): void {
  if (at.pending !== undefined) {
    remember(at, at.pending, word);
    at.pending = undefined;
  } else if (at.terminated) at.words.push(word);
  else if (word === '--') at.terminated = true;
  else if (word.startsWith('-') && word !== '-') {
    const [flag = '', value] = word.split(/=(.*)/s);
    const option = at.known.find(({ long, short }) => long === flag || short === flag);
    if (option === undefined) return;
    if (option.value !== undefined && value === undefined) at.pending = option;
    else remember(at, option, value ?? '');
  } else {
    const child = at.words.length === 0 ? at.command.commands.find(({ name }) => name === word) : undefined;
    if (child === undefined) at.words.push(word);
    else {
      at.command = child;
      at.known = [...child.options, ...at.known.filter(({ long }) => !child.options.some((o) => o.long === long))];
    }
  }
}

function remember({ options }: Position, { long }: OptionDefinition, value: string): void {
  options.set(long, [...(options.get(long) ?? []), value]);
}

/** The flags that may still be given: those of the command, then the global ones. */
function flags({ known, options }: Position, prefix: string): Candidate[] {
  const open = known.filter(({ long, repeatable }) => repeatable || !options.has(long));
  return open
    .filter(({ long }) => long.startsWith(prefix))
    .map(({ long, description }) => ({ value: long, meaning: description }));
}

function subcommands({ command, words }: Position, prefix: string): Candidate[] {
  if (words.length > 1 || (words.length === 1 && words[0] !== 'help')) return [];
  return command.commands
    .filter(({ name }) => name.startsWith(prefix))
    .map(({ name, summary }) => ({ value: name, meaning: summary }));
}

function argumentAt({ arguments: all }: CommandDefinition, position: number): ArgumentDefinition | undefined {
  const last = all.at(-1);
  return all[position] ?? (last?.variadic === true ? last : undefined);
}

function optionValues(option: OptionDefinition, prefix: string, at: Position, sources: Sources): Promise<Completion> {
  const place = { command: at.command.name, name: option.value ?? '', flag: option.long };
  return valuesFor(place, option.choices, prefix, at, sources);
}

async function valuesFor(
  place: Place,
  choices: readonly string[] | undefined,
  prefix: string,
  at: Position,
  sources: Sources,
): Promise<Completion> {
  const kind = kindOf(place);
  const words = (choices ?? (await wordsOf(place, prefix, at, sources))).filter((word) => word.startsWith(prefix));
  const paths =
    choices !== undefined ? undefined : kind === 'dir' ? 'dirs' : /file|what/.test(kind) ? 'files' : undefined;
  return { candidates: words.map((value) => ({ value })), paths };
}

async function wordsOf(place: Place, prefix: string, at: Position, sources: Sources): Promise<string[]> {
  const { options } = at;
  switch (kindOf(place)) {
    case 'words':
      return [...(VALUES[nameOf(place)] ?? [])];
    case 'plane':
      return sources.planes(options);
    case 'cluster':
      return sources.clusters();
    case 'authority':
      return sources.authorities(options);
    case 'slot':
      return sources.slots(options);
    case 'node':
    case 'what':
      return holderNames(prefix, at, sources);
    default:
      return [];
  }
}

/** Names of nodes and clients, also behind `node:` and `client:`. */
async function holderNames(prefix: string, at: Position, sources: Sources): Promise<string[]> {
  if (prefix.includes('/')) return [];
  const [, form, name = ''] = /^(node|client):(.*)$/s.exec(prefix) ?? [];
  if (form !== undefined)
    return (await sources.names([form as 'node' | 'client'], name, at.options)).map((found) => `${form}:${found}`);
  const clientsOnly = at.options.has('--client');
  const nodesOnly = !clientsOnly && at.known.some(({ long }) => long === '--client');
  const kinds = clientsOnly ? (['client'] as const) : nodesOnly ? (['node'] as const) : (['node', 'client'] as const);
  return sources.names(kinds, prefix, at.options);
}

function nothing(): Completion {
  return { candidates: [], paths: undefined };
}
