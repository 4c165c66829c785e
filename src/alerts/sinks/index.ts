import { ClusterCaError, isClusterCaError } from '../../errors.ts';
import type { SinkConfiguration } from '../../inventory/alerts-schema.ts';
import type { Inventory } from '../../inventory/read.ts';
import { alertmanagerSink } from './alertmanager.ts';
import { execSink } from './exec.ts';
import { mailSink } from './mail.ts';
import type { Sink } from './sink.ts';
import { webhookSink } from './webhook.ts';

export { Dispatcher, type DispatcherOptions } from './dispatcher.ts';
export type { Sink } from './sink.ts';

/** What sinks are handed of the world around them. */
export interface Surroundings {
  env: Record<string, string | undefined>;
  now: () => Date;
}

/**
 * The sinks of an inventory, their secrets read.
 * @throws ERR_CONFIG with line and column, ERR_KEYSTORE_PERMISSIONS for a secret that others can read
 */
export function inventorySinks({ document, at }: Inventory, surroundings: Surroundings): Sink[] {
  return Object.entries(document.alerts ?? {}).map(([name, configuration]) => {
    try {
      return sinkOf(name, configuration, surroundings);
    } catch (cause) {
      if (!isClusterCaError(cause)) throw cause;
      const code = cause.code === 'ERR_USAGE' ? 'ERR_CONFIG' : cause.code;
      const { hint } = cause;
      throw new ClusterCaError(code, `${at('alerts', name)}: alerts.${name}: ${cause.message}`, { hint, cause });
    }
  });
}

function sinkOf(name: string, configuration: SinkConfiguration, { env, now }: Surroundings): Sink {
  switch (configuration.kind) {
    case 'webhook':
      return webhookSink(name, configuration, now);
    case 'alertmanager':
      return alertmanagerSink(name, configuration);
    case 'smtp':
      return mailSink(name, configuration);
    case 'exec':
      return execSink(name, configuration, env);
  }
}
