import { formatTime } from '../values/time.ts';
import type { Alert } from './alert.ts';

/** A domain that one secret alone opens: lose it, and the CA is lost. For information. */
export function singleSlotAlert(domain: string, createdAt: string[]): Alert | undefined {
  if (createdAt.length !== 1) return undefined;
  return {
    name: 'keystore_single_slot',
    severity: 'info',
    subject: `domain ${domain}`,
    message: 'one secret alone opens it: if that is lost, so is the CA',
    hint: `cluster-ca keystore slot add NAME --domain ${domain}`,
    since: formatTime(Date.parse(createdAt[0] as string)),
  };
}
