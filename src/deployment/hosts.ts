import type { Host } from '../hosts/host.ts';
import { openHost } from '../hosts/open-host.ts';

/** The hosts of a run, each opened once. */
export class Hosts {
  readonly #open = new Map<string, Host>();

  of = (unit: { ssh: string | undefined }): Host => {
    const key = unit.ssh ?? '';
    const host = this.#open.get(key) ?? openHost(unit.ssh);
    this.#open.set(key, host);
    return host;
  };

  async close(): Promise<void> {
    for (const host of this.#open.values()) await host.close().catch(() => {});
  }
}
