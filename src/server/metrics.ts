import { Counter, Gauge, Registry } from 'prom-client';
import { prometheusText } from '../status/prometheus.ts';
import { currentCertificates, status } from '../status/status.ts';
import type { InventoryFile } from './inventory-file.ts';
import type { LiveKeystore } from './live-keystore.ts';

/** A scrape is not made anew within this time: anybody may ask, and a fleet is work. */
const FRESH = 2_000;

/** What `/metrics` shows: the status of the cluster, and what this daemon has done since it started. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #keystore: LiveKeystore;
  readonly #inventory: InventoryFile;
  readonly #now: () => Date;
  #last: { at: number; text: Promise<string> } | undefined;

  readonly issued = this.#counter('cluster_ca_issued_total', 'Certificates issued by this daemon.', ['by']);
  readonly rotated = this.#counter(
    'cluster_ca_rotated_total',
    'Services given a new certificate, confirmed by what they serve.',
    [],
  );
  readonly failed = this.#counter('cluster_ca_failed_total', 'What this daemon could not do.', ['what']);
  readonly requests = this.#counter('cluster_ca_http_requests_total', 'Requests answered.', [
    'method',
    'path',
    'status',
  ]);
  readonly lastRun = this.#gauge(
    'cluster_ca_last_successful_run_timestamp_seconds',
    'When the last run without a failure ended; before the first, when this daemon started.',
    ['what'],
  );

  constructor(keystore: LiveKeystore, inventory: InventoryFile, now: () => Date) {
    this.#keystore = keystore;
    this.#inventory = inventory;
    this.#now = now;
    for (const by of ['request', 'rotation', 'enrolment']) this.issued.inc({ by }, 0);
    for (const what of ['issue', 'rotate', 'crl', 'own-certificate', 'enroll', 'rollover'])
      this.failed.inc({ what }, 0);
    for (const what of ['schedule', 'crl']) this.lastRun.set({ what }, now().getTime() / 1000);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** A gauge of what is now, asked for at each scrape. */
  watch(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read());
      },
    });
  }

  /** Prometheus' text format 0.0.4. */
  text(): Promise<string> {
    const at = performance.now();
    if (this.#last === undefined || at - this.#last.at > FRESH) {
      const text = this.#make();
      this.#last = { at, text };
      text.catch(() => {
        this.#last = undefined;
      });
    }
    return this.#last.text;
  }

  async #make(): Promise<string> {
    const keystore = await this.#keystore.current();
    const now = this.#now();
    let text = '';
    for await (const piece of prometheusText(
      keystore,
      await status(keystore, now, { holders: [], inventory: this.#inventory.readable }),
      currentCertificates(keystore, []),
      now,
    ))
      text += piece;
    return text + (await this.#registry.metrics());
  }

  #counter<L extends string>(name: string, help: string, labelNames: L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #gauge<L extends string>(name: string, help: string, labelNames: L[]): Gauge<L> {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] });
  }
}
