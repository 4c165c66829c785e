import type { Context } from '../context.ts';
import type { OpenPkcs12 } from '../inspection/container.ts';
import { isGiven } from '../secrets/inputs.ts';
import { resolveSecrets } from '../secrets/resolve.ts';
import { openPkcs12 } from './open-pkcs12.ts';

/** The flags of a PKCS#12 file's password. */
export interface PasswordFlags {
  exportPasswordFd?: string;
  exportPasswordFile?: string;
  exportPasswordCommand?: string;
}

/** How to open a PKCS#12 file with the password that the flags give; undefined when they give none. Nothing is asked. */
export async function pkcs12Opener(
  ctx: Context,
  flags: PasswordFlags,
  source: string,
): Promise<OpenPkcs12 | undefined> {
  const { exportPasswordFd: fd, exportPasswordFile: file, exportPasswordCommand: command } = flags;
  const inputs = { prefix: 'export' as const, fd, file, command };
  if (!isGiven(inputs)) return undefined;
  const [secret] = await resolveSecrets(inputs, { env: ctx.env, prompt: undefined });
  return secret === undefined ? undefined : (pkcs12) => openPkcs12(pkcs12, secret.bytes, source);
}
