import type { Host } from './host.ts';
import { openHost } from './open-host.ts';

/** The hosts of a run, each opened once. */
export class Hosts {
  readonly #open = new Map<string, Host>();

  /** The host of a service or a unit. */
  of = ({ ssh }: { ssh: string | undefined }): Host => {
    const key = ssh ?? '';
    const host = this.#open.get(key) ?? openHost(ssh);
    this.#open.set(key, host);
    return host;
  };

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((host) => host.close().catch(() => {})));
    this.#open.clear();
  }
}
