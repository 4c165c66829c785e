import type { Finding } from '../../drift/codes.ts';
import { drift } from '../../drift/drift.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import type { InventoryFile } from '../inventory-file.ts';
import type { Jobs } from '../jobs.ts';

/** How often the services without an agent are looked at, milliseconds. */
const EVERY = 5 * 60_000;
/** It takes at most this part of the time. */
const SHARE = 20;

/** What of the daemon it needs. */
interface Looker {
  inventory: InventoryFile;
  now: () => Date;
  jobs: Jobs;
}

/** Looks at the inventory's services as `verify --inventory` does, without a client certificate: by what they serve. */
export class DriftWatch {
  #findings: { finding: Finding; foundAt: number }[] = [];
  #next = 0;

  /** What is not as it should be, and since when it was seen, milliseconds since 1970. */
  get findings(): readonly { finding: Finding; foundAt: number }[] {
    return this.#findings;
  }

  /** To be looked at again at once: something was deployed. */
  again(): void {
    this.#next = 0;
  }

  /** Between rotations, never amid one: what is half done is no drift. */
  async look({ inventory, now, jobs }: Looker, keystore: Keystore): Promise<void> {
    const read = inventory.get();
    if (read === undefined || performance.now() < this.#next || jobs.isBusy) return;
    const began = performance.now();
    const { agents = [] } = keystore.state;
    const client = async () => undefined;
    const { findings } = await drift(keystore, read, { holder: undefined, planes: undefined, client, now: now() });
    this.#next = performance.now() + Math.max(EVERY, SHARE * (performance.now() - began));
    // A rotation that began meanwhile has changed what was seen.
    if (jobs.isBusy) return this.again();
    const key = ({ node, service, code }: Finding): string => `${node} ${service} ${code}`;
    const since = new Map(this.#findings.map(({ finding, foundAt }) => [key(finding), foundAt]));
    this.#findings = findings
      .filter(({ node, severity }) => severity !== 'info' && !agents.includes(node))
      .map((finding) => ({ finding, foundAt: since.get(key(finding)) ?? now().getTime() }));
  }
}
