import type { FailedRotation } from '../alerts/rotations.ts';
import type { Context } from '../context.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import type { Journal } from '../ui/journal.ts';
import type { Agents } from './agents/agents.ts';
import type { DesiredState } from './agents/desired.ts';
import type { DriftWatch } from './alerts/drift-watch.ts';
import type { AlertSinks } from './alerts/sinks.ts';
import type { Certifier } from './certifier.ts';
import type { InventoryFile } from './inventory-file.ts';
import type { Job, Jobs } from './jobs.ts';
import type { LiveKeystore } from './live-keystore.ts';
import type { Metrics } from './metrics.ts';

/** What routes and the daemon's own work are handed: the keystore to read, the one writer, the clock, where to tell. */
export interface Service {
  ctx: Context;
  keystore: LiveKeystore;
  writer: KeystoreWriter;
  now: () => Date;
  metrics: Metrics;
  journal: Journal;
  inventory: InventoryFile;
  /** Who is told of alerts. */
  sinks: AlertSinks;
  certifier: Certifier;
  jobs: Jobs;
  /** The agents of nodes, and what nodes are to have. */
  agents: Agents;
  desired: DesiredState;
  /** What the daemon has seen itself of services without an agent. */
  drift: DriftWatch;
  /** When the daemon is told to stop: nobody is kept waiting longer. */
  stopping: AbortSignal;
  /** Rotations that the daemon has tried, and that fail. */
  failedRotations: () => FailedRotation[];
  /** To be told of every rotation that has ended. */
  rotated: (job: Job) => void;
  /** To be told of every step of a rollover that was asked for, and has ended. */
  advanced: (job: Job) => void;
  /** Why the daemon cannot do its work; undefined when it can. */
  ready: () => Promise<string | undefined>;
}
