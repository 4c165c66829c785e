import type { ServiceObject } from '../../deployment/document.ts';

/** The last word on each service that a run has deployed to. */
export class Deployed {
  readonly #last = new Map<string, ServiceObject>();

  get all(): ServiceObject[] {
    return [...this.#last.values()];
  }

  keep(services: readonly ServiceObject[]): void {
    for (const one of services) this.#last.set(`${one.node} ${one.plane} ${one.kind} ${one.address ?? one.dir}`, one);
  }

  /** In another phase what failed before is proven by now, or is tried anew. */
  forgetFailures(): void {
    for (const [key, { state }] of this.#last) if (state === 'failed' || state === 'pending') this.#last.delete(key);
  }

  clear(): void {
    this.#last.clear();
  }
}
