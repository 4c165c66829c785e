import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** Every path below with its type, mode, owner, times and bytes: equal before and after means nothing was touched. */
export async function tree(directory: string): Promise<Record<string, string>> {
  const entries: Record<string, string> = {};
  const visit = async (path: string): Promise<void> => {
    const stat = await lstat(path).catch(() => undefined);
    if (!stat) return;
    const facts = `${stat.mode.toString(8)} ${stat.uid}:${stat.gid} ${stat.mtimeMs}`;
    let content = '';
    if (stat.isSymbolicLink()) content = await readlink(path);
    else if (stat.isFile())
      content = createHash('sha256')
        .update(await readFile(path))
        .digest('hex');
    entries[relative(directory, path) || '.'] = `${facts} ${content}`;
    if (stat.isDirectory()) for (const name of (await readdir(path)).sort()) await visit(join(path, name));
  };
  await visit(directory);
  return entries;
}

/** As `tree`, but a directory's own time does not count: a file may have come and gone in it. */
export async function contents(directory: string): Promise<Record<string, string>> {
  const all = Object.entries(await tree(directory));
  return Object.fromEntries(all.filter(([, facts]) => !facts.startsWith('4')));
}

/** The regular files below, relative, sorted. */
export async function files(directory: string): Promise<string[]> {
  const all = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  return all
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort();
}
