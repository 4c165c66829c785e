import type { ServiceObject } from '../../deployment/document.ts';
import type { Service } from '../../inventory/services.ts';
import type { KeystoreWriter } from '../../keystore/writer.ts';
import type { OpenedDomain } from '../../unlocking.ts';
import type { StepObject } from '../document.ts';
import type { FinishRequest } from '../finish.ts';
import type { Blocker } from '../planning/blocker.ts';
import type { Direction, Step } from '../planning/planner.ts';
import type { Situation } from '../planning/situation.ts';
import type { AgentNodes } from './agent-nodes.ts';
import type { Reach } from './deploy.ts';

/** What a run is asked to do, and with what. */
export interface RunRequest extends Reach {
  services: readonly Service[];
  direction: Direction;
  /** One step, and what its phase has deployed then; or on, until the end or a guard that does not hold. */
  until: 'step' | 'end';
  /**
   * Opens the root domain: asked for when, and only when, a key of a root is destroyed. Undefined where that must not
   * be: then the step that needs it is left.
   */
  root: (() => Promise<OpenedDomain>) | undefined;
  /** The root domain never comes here: what was signed there, and its keys are removed there. */
  carried?: { lastCrl?: (writer: KeystoreWriter) => FinishRequest['lastCrl'] } | undefined;
  /** Who asks the agents of the nodes that have one. */
  agents: AgentNodes;
  /** The id of its records; one of its own without. */
  requestId?: string;
}

/** What a run has done. */
export interface Ran {
  steps: StepObject[];
  /** The last word on each service that was deployed to. */
  deployed: ServiceObject[];
  /** With the proofs of now. */
  situation: Situation;
  /** Who or what has stopped it. */
  blocked?: readonly Blocker[];
  /** The step that was left, because it needs the root domain. */
  left?: Step & { do: 'commit' };
}
