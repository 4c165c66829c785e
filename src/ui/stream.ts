/**
 * Writes to standard output at the speed of its reader, so that nothing piles up in memory.
 * @returns false when the reader went away (| head): then there is nobody to write for
 */
export function writeOut(bytes: string | Uint8Array): Promise<boolean> {
  const { stdout } = process;
  if (stdout.destroyed || !stdout.writable) return Promise.resolve(false);
  return new Promise((resolve) => {
    stdout.write(bytes, (error) => resolve(error === null || error === undefined));
  });
}
