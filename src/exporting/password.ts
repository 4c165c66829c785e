import type { Context } from '../context.ts';
import { resolveNewPassphrase } from '../secrets/resolve.ts';
import { secretContext } from '../unlocking.ts';
import type { ExportOptions } from './options.ts';

/** The password of an exported file, from its own inputs. For the caller to zero. @throws ERR_INPUT_REQUIRED, ERR_POLICY */
export async function exportPassword(ctx: Context, options: ExportOptions): Promise<Uint8Array> {
  const { exportPasswordFd: fd, exportPasswordFile: file, exportPasswordCommand: command } = options;
  const inputs = { prefix: 'export' as const, fd, file, command };
  const { bytes } = await resolveNewPassphrase(inputs, secretContext(ctx), 'export password');
  if (bytes.some((octet) => octet < 0x20 || octet > 0x7e))
    ctx.ui.warn('the password is not plain ASCII: Java before 19 and other programs may read it differently');
  return bytes;
}
