import * as z from 'zod';
import { parseAddress } from '../endpoint/address.ts';
import { parseDuration } from '../values/duration.ts';

/** A program and its arguments; no shell between, and the program by its whole path or found in PATH. */
export const argv = z.array(z.string()).min(1);

/** An absolute path on the service's host. */
export const path = z.string().regex(/^\//, 'an absolute path');

/** `HOST:PORT` */
export const address = z.string().refine(isAddress, 'an address: HOST:PORT');

/** A port: like everything in the inventory a text. */
export const port = z
  .string()
  .regex(/^\d{1,5}$/, 'a port')
  .transform(Number)
  .pipe(z.int().min(1, 'a port').max(65_535, 'a port'));

/** A duration in the inventory, as milliseconds. */
export const duration = z.string().transform((text, context) => {
  const seconds = parseDuration(text);
  if (seconds !== undefined) return seconds * 1000;
  context.addIssue({ code: 'custom', message: 'a duration such as 30s' });
  return z.NEVER;
});

/** How long a command of the inventory may take when nothing else is said. Milliseconds. */
export const COMMAND_PATIENCE = 30_000;

function isAddress(text: string): boolean {
  try {
    parseAddress(text);
    return true;
  } catch {
    return false;
  }
}
