import { dirname, resolve } from 'node:path/posix';
import { safeText } from '../ui/text/safe.ts';
import type { RedisAdmin, RedisLogin } from './redis-admin.ts';
import type { Problem, Situation } from './target.ts';

const SETTINGS = {
  'tls-cert-file': 'certificate',
  'tls-key-file': 'key',
  'tls-ca-cert-file': 'trustBundle',
} as const;

/** A sentinel has no CONFIG GET: its configuration file is read, where INFO says it is. */
export async function configurationProblems(
  admin: RedisAdmin,
  { host, files, service, warn }: Situation<RedisLogin>,
): Promise<Problem[]> {
  const info = String(await admin.call('INFO', 'server'));
  const path = /^config_file:(\S.*?)\r?$/m.exec(info)?.[1];
  const content = path === undefined ? undefined : await host.read(path).catch(() => undefined);
  if (path === undefined || content === undefined) {
    warn(`${service.label}: which files it names in its configuration cannot be seen from here`);
    return [];
  }
  const lines = new TextDecoder().decode(content).split('\n');
  // The last of a kind counts. Its working directory is what `dir` says, or else where it was started.
  const settings = new Map(
    lines.flatMap((line) => {
      const [, name, value] = /^\s*([\w-]+)\s+"?([^"]*?)"?\s*$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name.toLowerCase(), value] as const];
    }),
  );
  const directory = resolve(dirname(path), settings.get('dir') ?? '.');
  return Object.entries(SETTINGS).flatMap(([name, file]) => {
    const value = settings.get(name);
    const wanted = files[file];
    if (value !== undefined && resolve(directory, value) === resolve(wanted)) return [];
    return [
      {
        message: `${service.label} has ${name} ${value === undefined ? 'nowhere' : safeText(value)} in ${safeText(path)}, and not ${wanted}`,
        hint: `write there: ${name} ${wanted}; or say its directory in the inventory: dir`,
      },
    ];
  });
}
