import type { Side } from '../../phase.ts';
import type { Blocker, GuardName } from '../blocker.ts';
import type { Standing } from '../proof.ts';
import type { Judged, LiveCertificate } from '../situation.ts';
import { type Holder, holderKey, holderText } from '../subject.ts';
import { unheardHint } from '../unheard.ts';

/** A certificate of the side that goes, that may still be in use, and why. */
export interface Unsettled {
  readonly certificate: LiveCertificate;
  readonly reason: string;
  readonly hint: string;
}

/**
 * The certificates of one side that may still be in use. One is out of use when it is revoked or expired (those are not
 * among the judged ones), when one of the other side has superseded it and is proven to be shown by every service that
 * had it, or by an operator's word that its holder has it no more. A client's is so by that word, or by its services.
 */
export function unsettled(judged: Judged, side: Side): Unsettled[] {
  const index = new Index(judged);
  return judged.certificates
    .filter(({ issuer }) => issuer === side)
    .flatMap((certificate) => {
      const found = index.inUse(certificate, side === 'old' ? 'new' : 'old');
      return found === undefined ? [] : [{ certificate, ...found }];
    });
}

export function certificateBlockers(judged: Judged, guard: GuardName, side: Side): Blocker[] {
  return unsettled(judged, side).map(({ certificate: { kind, name }, reason, hint }) => ({
    guard,
    holder: { kind, name },
    reason,
    hint,
  }));
}

class Index {
  readonly #successors: Set<string>;
  readonly #services = new Map<string, Map<string, Standing[]>>();
  readonly #declared: Map<string, Side>;
  /** Whether certificates are wanted that we cannot issue. */
  readonly #theirs: boolean;
  /** Where only an agent knows what there is, and has not said it. */
  readonly #silent = new Map<string, Standing>();

  constructor({ standings, certificates, situation }: Judged) {
    this.#successors = new Set(
      certificates.filter(({ superseded }) => !superseded).map((one) => `${one.issuer} ${planeKey(one)}`),
    );
    for (const standing of standings) {
      const { service } = standing.subject;
      if (service === '' && standing.subject.atLeast === 'agent')
        this.#silent.set(planeKey(standing.subject), standing);
      if (service === '') continue;
      const key = planeKey(standing.subject);
      const services = this.#services.get(key) ?? new Map<string, Standing[]>();
      services.set(service, [...(services.get(service) ?? []), standing]);
      this.#services.set(key, services);
    }
    const { confirmed, issuerSince, form, phase } = situation.rollover;
    this.#theirs = form === 'foreign' && phase === 'rollback';
    this.#declared = new Map();
    for (const { serves, at, ...word } of confirmed.toSorted((a, b) => a.at - b.at))
      if (serves !== undefined && at >= issuerSince) this.#declared.set(holderKey(word), serves);
  }

  /** Why a certificate may be in use, whose place one of the other side is to take; undefined when it is not. */
  inUse(certificate: LiveCertificate, other: Side): { reason: string; hint: string } | undefined {
    const who = `${holderText(certificate)}${certificate.plane === '' ? '' : `/${certificate.plane}`}`;
    const what = `the certificate ${certificate.serial.slice(0, 16)}… of ${who}, issued under the ${certificate.issuer} root,`;
    const silent = this.#silent.get(planeKey(certificate));
    if (silent !== undefined)
      return {
        reason: `${holderText(certificate)} is not proven to show a certificate of the ${other} root: ${silent.error ?? 'its agent was not asked yet'}`,
        hint: unheardHint(certificate.name, silent.error),
      };
    const services = [...(this.#services.get(planeKey(certificate)) ?? [])];
    const lacking = services.find(([, roles]) => !roles.some(({ serves }) => serves === other));
    // What can be seen is not believed on anybody's word.
    const visible = services.some(([, roles]) => roles.some(({ subject }) => subject.atLeast !== 'declared'));
    if (!visible && this.#declared.get(holderKey(certificate)) === other) return undefined;
    if (!this.#successors.has(`${other} ${planeKey(certificate)}`))
      return {
        reason: `${what} has no successor under the ${other} root`,
        hint: this.#theirs
          ? putBack(certificate)
          : services.length === 0
            ? give(certificate, 'rotate')
            : `${advance}; ${give(certificate)}`,
      };
    if (services.length === 0)
      return { reason: `${what} may be in use: nobody can see where`, hint: give(certificate) };
    if (lacking === undefined) return undefined;
    const [service, roles] = lacking;
    const seen = roles.some(({ serves }) => serves !== undefined);
    const error = roles.find((standing) => standing.error !== undefined)?.error;
    return {
      reason: `${holderText(certificate)}, ${service} ${seen ? `shows a certificate of the ${certificate.issuer} root` : `is not proven to show a certificate of the ${other} root`}${error === undefined ? '' : `: ${error}`}`,
      hint: `${this.#theirs ? takeBack : advance}; where it is gone for good: cluster-ca rollover advance --exclude ${certificate.name}`,
    };
  }
}

const advance = 'cluster-ca rollover advance issues and deploys what is missing';

const takeBack =
  'cluster-ca rollover rollback puts back the certificate and key that it had; where they were not kept, put them into its directory, and make it take them';

function putBack({ name }: Holder): string {
  return `give it the certificate of before, then: cluster-ca revoke ${name}`;
}

/** What an operator does for a holder whose use of a certificate nobody can see; `rotate`: there is none yet to give. */
function give({ name }: Holder, rotate?: 'rotate'): string {
  const first = rotate === undefined ? 'give' : `cluster-ca rotate ${name} --out DIR, give`;
  return `${first} it its new certificate, then: cluster-ca rollover confirm ${name}; or, where it is not in use any more: cluster-ca revoke ${name}`;
}

function planeKey({ plane, ...holder }: Holder & { readonly plane: string }): string {
  return `${holderKey(holder)} ${plane}`;
}
