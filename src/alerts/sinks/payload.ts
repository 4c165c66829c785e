import { formatTime } from '../../values/time.ts';
import type { Transition } from '../lifecycle.ts';

/** A transition as receivers are told of it: the fields of `status --json`, and what has become of the alert. */
export function alertPayload({ event, alert, raisedAt, because }: Transition) {
  return { event, ...alert, raisedAt: formatTime(raisedAt), ...(because === undefined ? {} : { because }) };
}
