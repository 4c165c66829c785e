import { constraintsFor } from '../../../src/authority/constraints.ts';
import { signCrl } from '../../../src/authority/sign-crl.ts';
import { sha256, sha256Hex } from '../../../src/crypto/hash.ts';
import { sealedName, storeKey } from '../../../src/keystore/envelope/sealed-key.ts';
import { makeSlot, type Secret } from '../../../src/keystore/envelope/slot.ts';
import { encodeIdentity, type Identity } from '../../../src/keystore/identity.ts';
import { Keystore } from '../../../src/keystore/keystore.ts';
import type { Authority, Bodies, Domain, Op, Policy, SlotRef } from '../../../src/keystore/log/bodies.ts';
import { encodeRecord, type LogRecord } from '../../../src/keystore/log/record.ts';
import { encodePack, type PackedCertificate } from '../../../src/keystore/pack.ts';
import { publicFiles } from '../../../src/keystore/public.ts';
import { writeSnapshot } from '../../../src/keystore/snapshot/snapshot.ts';
import { toBase64, toHex } from '../../../src/pki/encoding.ts';
import { prepareCertificate, sign } from '../../../src/pki/prepare.ts';
import { auditTemplate } from '../../../src/pki/profile/audit.ts';
import { type EndEntityProfile, endEntityTemplate } from '../../../src/pki/profile/end-entity.ts';
import { issuingTemplate } from '../../../src/pki/profile/issuing.ts';
import { rootTemplate } from '../../../src/pki/profile/root.ts';
import type { CertificateTemplate } from '../../../src/pki/template.ts';
import { validityFor } from '../../../src/pki/validity.ts';
import { signatureAlgorithmFor } from '../../../src/pki/x509/algorithm.ts';
import { type Certificate, parseCertificate } from '../../../src/pki/x509/certificate.ts';
import { type GeneralName, ipName } from '../../../src/pki/x509/general-name.ts';
import { type FixedKey, fixedBytes, fixedEd25519, fixedP256 } from './deterministic-keys.ts';
import { MemoryStore } from './memory-store.ts';

/** Public test values: see vectors/README.md. */
export const PASSPHRASE = 'correct horse battery staple';
export const NEW_PASSPHRASE = 'a passphrase of vectors, the second';
export const KEY_FILE = 'cluster-ca test vector key file!';
export const START = Date.parse('2026-01-02T03:04:05.678Z');
const DAY = 86_400;

export const POLICY: Policy = {
  domains: ['vector.internal'],
  permitIp: ['10.0.0.0/8', '127.0.0.0/8', '::1/128'],
  planes: ['control', 'data'],
  keyType: 'ecdsa-p256',
  nodeKeyType: 'ecdsa-p256',
  rootLifetime: 3650 * DAY,
  issuingLifetime: 1825 * DAY,
  nodeLifetime: 90 * DAY,
  rotateBefore: 60 * DAY,
  alertBefore: 45 * DAY,
  crlLifetime: 30 * DAY,
};

const passphrase = (text: string): Secret => ({ kind: 'passphrase', bytes: new TextEncoder().encode(text) });
const keyFile = (): Secret => ({ kind: 'key-file', bytes: new TextEncoder().encode(KEY_FILE) });

interface Ca {
  certificate: Certificate;
  key: FixedKey;
}

/** Builds the keystore of the test vectors, through the same functions that write any keystore: the same octets each time, given fixed randomness. */
export class VectorKeystore {
  readonly store = new MemoryStore();
  readonly audit = fixedEd25519('audit key');
  readonly masters: Record<Domain, Uint8Array> = {
    daily: fixedBytes('daily master key', 32),
    root: fixedBytes('root master key', 32),
  };
  readonly identity: Identity = {
    type: 'cluster-ca keystore',
    format: 1,
    id: toHex(fixedBytes('keystore id', 16)),
    auditKey: toBase64(this.audit.spki),
    groupRead: false,
    rootElsewhere: false,
  };
  #root!: Ca;
  #issuing!: Ca;
  #seq = 0;
  #prev = sha256Hex(encodeIdentity(this.identity));

  static async build(): Promise<VectorKeystore> {
    const made = new VectorKeystore();
    await made.#init();
    await made.#fill();
    return made;
  }

  async #init(): Promise<void> {
    const { store, identity } = this;
    store.files.set('KEYSTORE', encodeIdentity(identity));
    const now = new Date(START);
    const rootKey = fixedP256('root CA key');
    const root = rootTemplate(this.#input(rootKey, now, POLICY.rootLifetime, 'root'), 'vector Root CA G1');
    this.#root = { key: rootKey, certificate: await certify(root, undefined, rootKey) };
    const issuingKey = fixedP256('issuing CA key');
    const below = this.#input(issuingKey, now, POLICY.issuingLifetime, 'issuing', this.#root);
    const constraints = constraintsFor(POLICY.domains, POLICY.permitIp);
    const issuing = issuingTemplate(below, 'vector Issuing CA G1.1', constraints);
    this.#issuing = { key: issuingKey, certificate: await certify(issuing, this.#root.certificate, rootKey) };
    const auditInput = this.#input(this.audit, now, POLICY.rootLifetime, 'audit', this.#root);
    const audit = await certify(auditTemplate(auditInput, 'vector Audit G1'), this.#root.certificate, rootKey);
    const slots = [
      await this.#slot('passphrase', 'daily', passphrase(PASSPHRASE), now),
      await this.#slot('key-file', 'daily', keyFile(), now),
      await this.#slot('passphrase', 'root', passphrase(PASSPHRASE), now),
    ];
    const authority = (id: string, role: Authority['role'], { certificate, key }: Ca, domain: Domain): Authority => ({
      id,
      role,
      generation: 1,
      keyType: 'ecdsa-p256',
      certificate: toBase64(certificate.der),
      sealed: this.#seal(domain, key),
    });
    const authorities = [
      authority('root-g1', 'root', this.#root, 'root'),
      authority('issuing-g1.1', 'issuing', this.#issuing, 'daily'),
    ];
    const crls = [
      await this.#crl('issuing-g1.1', this.#issuing, now, POLICY.crlLifetime),
      await this.#crl('root-g1', this.#root, now, POLICY.issuingLifetime - DAY),
    ];
    const body = {
      cluster: 'vector',
      policy: POLICY,
      authorities,
      audit: { certificate: toBase64(audit.der), sealed: this.#seal('daily', this.audit) },
      slots,
      crls,
    };
    await this.#append('init', 'request-init', START, body);
  }

  async #fill(): Promise<void> {
    const requestHash = toHex(fixedBytes('request', 32));
    const serials = ['node certificate', 'client certificate'].map((label) => {
      const serial = fixedBytes(label, 20);
      serial[0] = 0x40 | ((serial[0] as number) & 0x3f);
      return serial;
    }) as [Uint8Array, Uint8Array];
    await this.#append('reserve', 'request-issue', START + 60_000, { requestHash, serials: serials.map(toHex) });
    const node = await this.#endEntity('redis-1', 'peer', serials[0], [
      { type: 'dns', value: 'redis-1.vector.internal' },
      ipName('10.0.0.1'),
      { type: 'uri', value: 'spiffe://vector.internal/node/redis-1/data' },
    ]);
    const client = await this.#endEntity('app_rw', 'client', serials[1], [
      { type: 'uri', value: 'spiffe://vector.internal/client/app_rw' },
    ]);
    const certificates: PackedCertificate[] = [
      { kind: 'node', name: 'redis-1', plane: 'data', profile: 'peer', der: node },
      { kind: 'client', name: 'app_rw', plane: '', profile: 'client', der: client },
    ];
    const pack = encodePack(certificates);
    await this.store.putObject(sha256Hex(pack), pack);
    const issued = { requestHash, reserve: 1, pack: sha256Hex(pack), count: 2 };
    await this.#append('issue', 'request-issue', START + 61_000, issued);
    const at = START + 3_600_000;
    const invalidityDate = '2026-01-02T04:00:00.000Z';
    const notAfter = parseCertificate(client).notAfter;
    const serial = toHex(serials[1]);
    const entry = { authority: 'issuing-g1.1', serial, reason: 'keyCompromise' as const };
    const revoked = { ...entry, at, invalidityDate: Date.parse(invalidityDate), notAfter };
    const crl = await this.#crl('issuing-g1.1', this.#issuing, new Date(at), POLICY.crlLifetime, [revoked]);
    const body = { entries: [{ ...entry, invalidityDate, notAfter: new Date(notAfter).toISOString() }], crls: [crl] };
    await this.#append('revoke', 'request-revoke', at, body);
    await this.#snapshot();
    const keystore = await this.open();
    const second = await this.#slot('passphrase', 'daily', passphrase(NEW_PASSPHRASE), new Date(at + 1000));
    const slots = keystore.state.slots.map((slot, i) => (i === 0 ? second : slot));
    this.store.files.delete(`slots/${keystore.state.slots[0]?.id}`);
    await this.#append('slots', 'request-slots', at + 1000, { slots });
    await this.#append('reserve', 'request-burnt', at + 2000, {
      requestHash,
      serials: [toHex(fixedBytes('burnt', 20))],
    });
    // An operator accepted a clock that went back.
    await this.#append('abandon', 'request-abandon', at - 86_400_000, { serials: [toHex(serials[0])] }, 1);
    const late = new Date(at - 86_000_000);
    const renewed = await this.#crl('issuing-g1.1', this.#issuing, late, POLICY.crlLifetime, [
      { ...revoked, at: late.getTime() },
    ]);
    await this.#append('crl', 'request-crl', late.getTime(), { crls: [renewed] }, 1);
    const backup = { id: toHex(fixedBytes('backup', 16)), root: true };
    await this.#append('backup', 'request-backup', late.getTime(), backup, 1);
    await this.#dropReplacedCrls();
    for (const [name, text] of Object.entries(await publicFiles(await this.open(), late)))
      this.store.files.set(`public/${name}`, new TextEncoder().encode(text));
  }

  open(): Promise<Keystore> {
    return Keystore.open(this.store, { anchors: undefined });
  }

  #input(key: FixedKey, now: Date, lifetime: number, label: string, issuer?: Ca) {
    const serialNumber = fixedBytes(`${label} serial`, 20);
    serialNumber[0] = 0x40 | ((serialNumber[0] as number) & 0x3f);
    return {
      serialNumber,
      validity: validityFor(now, lifetime * 1000, issuer?.certificate.notAfter),
      publicKey: key.spki,
      signatureAlgorithm: signatureAlgorithmFor('ecdsa-p256'),
      sha256: (data: Uint8Array) => sha256(data),
      ...(issuer === undefined ? {} : { issuer: issuer.certificate }),
    };
  }

  async #endEntity(
    name: string,
    profile: EndEntityProfile,
    serialNumber: Uint8Array,
    subjectAltNames: GeneralName[],
  ): Promise<Uint8Array> {
    const key = fixedP256(`${name} key`);
    const input = this.#input(key, new Date(START + 60_000), POLICY.nodeLifetime, name, this.#issuing);
    const template = endEntityTemplate({ ...input, serialNumber, profile, commonName: name, subjectAltNames });
    return (await certify(template, this.#issuing.certificate, this.#issuing.key)).der;
  }

  async #slot(name: string, domain: Domain, secret: Secret, now: Date): Promise<SlotRef> {
    const { ref, bytes } = await makeSlot(this.identity.id, name, domain, secret, this.masters[domain], 1, now);
    this.store.files.set(`slots/${ref.id}`, bytes);
    return ref;
  }

  #seal(domain: Domain, key: FixedKey) {
    const { ref, bytes } = storeKey(this.identity.id, { domain, epoch: 1 }, this.masters[domain], key);
    this.store.files.set(`sealed/${sealedName(ref)}`, bytes);
    return ref;
  }

  async #crl(
    authority: string,
    { certificate, key }: Ca,
    now: Date,
    lifetime: number,
    revoked: Parameters<typeof signCrl>[0]['revoked'] = [],
  ) {
    const lastNumber = BigInt(START + 4_000_000);
    const last = now.getTime() < START && revoked.length > 0 ? { lastNumber } : {};
    const signed = await signCrl({
      authority,
      issuer: certificate,
      signer: key.signer,
      revoked,
      now,
      lifetime,
      ...last,
    });
    await this.store.putObject(signed.ref.sha256, signed.der);
    return signed.ref;
  }

  async #append<O extends Op>(op: O, requestId: string, time: number, body: Bodies[O], epoch = 0): Promise<void> {
    const at = new Date(time).toISOString();
    const head = { v: 1, seq: this.#seq, prev: this.#prev, time: at, epoch, actor: 'vector@example', op, requestId };
    const bytes = await encodeRecord(this.identity.id, { ...head, body } as LogRecord, this.audit.signer);
    await this.store.append(this.#seq++, bytes);
    this.#prev = sha256Hex(bytes);
  }

  async #snapshot(): Promise<void> {
    const keystore = await this.open();
    const pages = await keystore.query((index) => index.merged());
    await writeSnapshot(this.store, { state: keystore.state, pages }, this.audit.signer);
  }

  async #dropReplacedCrls(): Promise<void> {
    const { crls } = (await this.open()).state;
    const live = new Set(crls.map(({ sha256: hash }) => `objects/${hash}`));
    for (const [path, bytes] of this.store.files)
      if (path.startsWith('objects/') && bytes[0] === 0x30 && !live.has(path)) this.store.files.delete(path);
  }
}

async function certify(
  template: CertificateTemplate,
  issuer: Certificate | undefined,
  key: FixedKey,
): Promise<Certificate> {
  const prepared = prepareCertificate(template, issuer, (data) => sha256(data));
  return parseCertificate(await sign(prepared, key.signer));
}
