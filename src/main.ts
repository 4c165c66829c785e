import { load } from './bundles.ts';
import { VERBS } from './commands/verbs.ts';
import { VERSION } from './version.ts';

/**
 * The way in: prints the version, or hands over to the group of commands that the verb belongs to. Each group is a
 * bundle of its own, so that a command pays for nothing but its group.
 * @param argv the words behind the program's name
 * @returns the exit code
 */
export async function main(argv: string[]): Promise<number> {
  if (argv.length === 1 && argv[0] === '--version') {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  const end = argv.indexOf('--');
  const words = end < 0 ? argv : argv.slice(0, end);
  const verb = words.flatMap((word) => VERBS.find(({ name }) => name === word) ?? [])[0];
  const { run } = load(verb?.group ?? 'reading') as { run: (argv: string[]) => Promise<number> };
  return run(argv);
}

export { codeCacheOf, scripts } from './bundles.ts';
