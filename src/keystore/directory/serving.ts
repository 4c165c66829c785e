import { readFile, unlink, utimes, writeFile } from 'node:fs/promises';
import { BEAT, ownSign } from './sign-of-life.ts';

/**
 * Says in a file, until it is told to stop, that a daemon works on this keystore. Of two each writes its own name over
 * the other's, so that one that ends takes nothing from the one that stays for longer than a beat. Where it cannot be
 * written (a full disk) nothing is said: nothing but patience depends on it.
 */
export async function announceServing(path: string, mode: number): Promise<() => Promise<void>> {
  const mine = ownSign();
  const say = async (): Promise<void> => {
    try {
      if ((await readFile(path, 'utf8').catch(() => '')) !== mine) await writeFile(path, mine, { mode });
      await utimes(path, new Date(), new Date());
    } catch {
      // Said again with the next beat.
    }
  };
  await say();
  const beat = setInterval(() => void say(), BEAT);
  beat.unref();
  return async () => {
    clearInterval(beat);
    if ((await readFile(path, 'utf8').catch(() => '')) === mine) await unlink(path).catch(() => {});
  };
}
