import type * as z from 'zod';
import { loadCrypto } from '../crypto/webcrypto.ts';
import { formatAddress } from '../endpoint/address.ts';
import { misbehaved } from '../endpoint/failure.ts';
import { Hosts } from '../hosts/hosts.ts';
import type { Service } from '../inventory/services.ts';
import { makeCsr } from '../pki/csr.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { generateKey, importSigner } from '../pki/key.ts';
import { encodePem } from '../pki/pem.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import type { ServerClient } from '../remote/call.ts';
import { isDialed } from '../rollover/evidence/connect.ts';
import { lookAt } from '../rollover/evidence/look.ts';
import { forgetProbes, type Probes } from '../rollover/evidence/probes.ts';
import type { Side } from '../rollover/phase.ts';
import { certificatesOf } from './knowledge.ts';
import { type ProofAsk, probesSchema, type ReportedProof } from './protocol.ts';

const ANSWER = 30_000;
/** Probes are made anew when they are this old, milliseconds: they last for an hour. */
const PROBES_LAST = 30 * 60_000;
const KEY_TYPE = 'ecdsa-p256';

/** Who proves what the services of a node trust and show, with certificates for a key that is in its memory alone. */
export class Prover {
  readonly #node: string;
  readonly #services: readonly Service[];
  readonly #now: () => Date;
  #made: { of: string; at: number; probes: Probes } | undefined;

  constructor(node: string, services: readonly Service[], now: () => Date) {
    this.#node = node;
    this.#services = services;
    this.#now = now;
  }

  /** @throws ERR_REMOTE, ERR_TIMEOUT where the daemon gives no certificates to ask with */
  async prove(client: ServerClient, ask: ProofAsk): Promise<ReportedProof[]> {
    if (this.#services.length === 0) return [];
    const probes = await this.#probes(client, ask);
    const anchor = (pem: string | undefined): Uint8Array | undefined => certificatesOf(pem ?? '')[0];
    const hosts = new Hosts();
    const proofs: ReportedProof[] = [];
    try {
      for (const service of this.#services) {
        const found = await lookAt(service, {
          form: ask.form,
          anchors: { old: anchor(ask.old), new: anchor(ask.new) },
          sideOf: sides(ask),
          probes,
          host: hosts.of(service),
          now: this.#now,
        });
        for (const {
          plane,
          role,
          trustsOld,
          trustsNew,
          serves,
          checksNone,
          provenBy,
          fingerprint,
          how,
          error,
        } of found)
          proofs.push({
            plane: plane ?? service.plane,
            service: service.label,
            role,
            ...(trustsOld === undefined ? {} : { trustsOld }),
            ...(trustsNew === undefined ? {} : { trustsNew }),
            ...(serves === undefined ? {} : { serves }),
            ...(checksNone === undefined ? {} : { checksNone }),
            ...(provenBy === 'handshake' || provenBy === 'file' ? { provenBy } : {}),
            ...(fingerprint === undefined ? {} : { fingerprint }),
            ...(how === undefined ? {} : { how }),
            ...(error === undefined ? {} : { error }),
          });
      }
    } finally {
      await hosts.close();
    }
    return proofs;
  }

  close(): void {
    if (this.#made !== undefined) forgetProbes(this.#made.probes);
    this.#made = undefined;
  }

  async #probes(client: ServerClient, { old, new: fresh }: ProofAsk): Promise<Probes> {
    const of = `${old}\n${fresh}`;
    const at = this.#now().getTime();
    if (this.#made?.of === of && Math.abs(at - this.#made.at) < PROBES_LAST) return this.#made.probes;
    this.close();
    const probes = await certified(client, this.#node, this.#services.some(isDialed));
    this.#made = { of, at, probes };
    return probes;
  }
}

/** A key that is made here, and certificates for it. */
async function certified(client: ServerClient, node: string, wantsListener: boolean): Promise<Probes> {
  const crypto = await loadCrypto();
  const key = await generateKey(crypto, KEY_TYPE);
  const pem = new TextEncoder().encode(encodePem('PRIVATE KEY', key.pkcs8));
  try {
    const csr = await makeCsr(node, [], key.spki, await importSigner(crypto, KEY_TYPE, key.pkcs8));
    const body = { csr: encodePem('CERTIFICATE REQUEST', csr), ...(wantsListener ? { listener: true } : {}) };
    const answer = await client.call({ method: 'POST', path: `/v1/nodes/${node}/probes`, body, timeout: ANSWER });
    const parsed = probesSchema.safeParse(answer.body);
    if (!parsed.success) throw misbehaved(formatAddress(client.address), 'answers in a form that is not understood');
    const probe = (chain: string) => ({ cert: new TextEncoder().encode(chain), key: pem.slice() });
    const three = ({ old, new: fresh, stranger }: Chains) => ({
      ...(old === undefined ? {} : { old: probe(old) }),
      ...(fresh === undefined ? {} : { new: probe(fresh) }),
      stranger: probe(stranger),
    });
    const { listener } = parsed.data;
    return {
      ...three(parsed.data),
      ...(listener && { listener: { ...three(listener), name: listener.name, ownName: listener.ownName } }),
    };
  } finally {
    key.pkcs8.fill(0);
    pem.fill(0);
  }
}

/** As the daemon sends them, PEM. */
type Chains = Pick<z.infer<typeof probesSchema>, 'old' | 'new' | 'stranger'>;

function sides({ issuers, others }: ProofAsk): (certificate: Certificate) => Side | undefined {
  const known = issuers.map(({ name, side }) => ({ name: fromBase64(name), side }));
  return ({ issuer }) => known.find(({ name }) => equalBytes(name, issuer))?.side ?? others;
}
