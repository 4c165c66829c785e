import { readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Material, material } from '../support/tls.ts';

/** An application's files, of one generation; before the first deployment plain ones. */
export async function filesOf(directory: string): Promise<Required<Material>> {
  for (;;) {
    const generation = await readlink(join(directory, '.cluster-ca.current')).catch(() => '.');
    const found = await material(join(directory, generation)).catch(() => undefined);
    if (found !== undefined) return found;
  }
}

/** Does something while an application's files are read again and again, as any client reads them. */
export async function whileReading(
  directory: string,
  take: (files: Required<Material>) => void,
  work: () => Promise<void>,
): Promise<void> {
  let over = false;
  const reading = (async (): Promise<void> => {
    while (!over) {
      take(await filesOf(directory));
      await sleep(50);
    }
  })();
  await work().finally(() => {
    over = true;
  });
  await reading;
}
