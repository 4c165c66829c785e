// A second reader of keystores, written from docs/keystore-format.md alone: node:crypto, and nothing of src/. It proves
// that the page is enough. `node second-reader.mjs DIR [SECRET-FILE…]` reads a keystore and prints what it holds.

import {
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  scryptSync,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex');
const refuse = (why) => {
  throw new Error(why);
};
const must = (condition, why) => condition || refuse(why);

// §1. Canonical JSON, by a writer and a comparison.
export function encode(value, depth = 0) {
  if (value === true || value === false) return String(value);
  if (typeof value === 'number') {
    must(Number.isSafeInteger(value), 'not an integer');
    return value === 0 ? '0' : String(value);
  }
  if (typeof value === 'string') return quote(value);
  must(typeof value === 'object' && value !== null && depth < 32, 'not canonical');
  if (Array.isArray(value)) return `[${value.map((element) => encode(element, depth + 1)).join(',')}]`;
  const names = Object.keys(value).sort();
  must(!names.some((name) => /^[0-9]+$/.test(name)), 'a member is named by digits');
  return `{${names.map((name) => `${quote(name)}:${encode(value[name], depth + 1)}`).join(',')}}`;
}

function quote(text) {
  const short = { '"': '\\"', '\\': '\\\\', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
  let out = '"';
  for (const character of text) {
    const code = character.codePointAt(0);
    must(code < 0xd800 || code > 0xdfff, 'half of a surrogate pair');
    out += short[character] ?? (code < 0x20 ? `\\u${code.toString(16).padStart(4, '0')}` : character);
  }
  return `${out}"`;
}

export function decode(text) {
  const value = JSON.parse(text);
  must(encode(value) === text, 'not canonical');
  return value;
}

const utf8 = (bytes) => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);

function decodeFile(bytes) {
  const text = utf8(bytes);
  must(text.endsWith('\n'), 'no last newline');
  return decode(text.slice(0, -1));
}

export function base64(text, length) {
  const bytes = Buffer.from(text, 'base64');
  must(bytes.toString('base64') === text && (length === undefined || bytes.length === length), 'base64');
  return bytes;
}

// §4. Signed files.
export function decodeSigned(domain, id, bytes, auditKey) {
  const [, line, signature] = /^([^\n]+)\n([0-9a-f]{128})\n$/.exec(utf8(bytes)) ?? refuse('not two lines');
  const signed = Buffer.concat([Buffer.from(`cluster-ca v1 ${domain}\0`), Buffer.from(id, 'hex'), Buffer.from(line)]);
  const key = createPublicKey({ key: auditKey, format: 'der', type: 'spki' });
  must(key.asymmetricKeyType === 'ed25519', 'audit key');
  must(verify(null, signed, key, Buffer.from(signature, 'hex')), 'signature');
  return decode(line);
}

// §7. Packs.
export function decodePack(bytes) {
  const end = bytes.indexOf(0x0a);
  const { certificates, v } = decode(utf8(bytes.subarray(0, end)));
  must(v === 1, 'a later pack');
  let at = end + 1;
  const out = certificates.map(({ length, ...entry }) => {
    at += length;
    return { ...entry, der: bytes.subarray(at - length, at) };
  });
  must(at === bytes.length, 'length of the pack');
  for (const { kind, plane } of out) must((kind === 'node') === (plane !== ''), 'plane');
  return out;
}

// §8. Sealing.
export function lengthPrefixed(...texts) {
  return Buffer.concat(
    texts.flatMap((text) => {
      const bytes = Buffer.from(text);
      return [Buffer.of(bytes.length >> 8, bytes.length & 0xff), bytes];
    }),
  );
}

/** The secret; undefined when the key is another one. */
export function unseal(key, context, sealed) {
  const { keystoreId, type, keyId, epoch, algorithm, spkiSha256 } = context;
  const info = lengthPrefixed('cluster-ca v1 seal', type, keyId, String(epoch));
  const okm = Buffer.from(hkdfSync('sha256', key, base64(sealed.salt, 32), info, 76));
  if (!timingSafeEqual(okm.subarray(44), base64(sealed.commitment, 32))) return undefined;
  const ciphertext = base64(sealed.ciphertext);
  const cipher = createDecipheriv('aes-256-gcm', okm.subarray(0, 32), okm.subarray(32, 44), { authTagLength: 16 });
  cipher.setAAD(lengthPrefixed('cluster-ca v1 seal', keystoreId, type, keyId, String(epoch), algorithm, spkiSha256));
  cipher.setAuthTag(ciphertext.subarray(-16));
  return Buffer.concat([cipher.update(ciphertext.subarray(0, -16)), cipher.final()]);
}

// §9. Slots.
export function kekOf(kind, secret, kdf) {
  const salt = base64(kdf.salt, 32);
  if (kind === 'key-file') {
    must(kdf.name === 'hkdf-sha256' && secret.length === 32, 'key file');
    return Buffer.from(hkdfSync('sha256', secret, salt, 'cluster-ca v1 slot', 32));
  }
  const { n, r, p } = kdf;
  must(kdf.name === 'scrypt' && [17, 18, 19, 20].includes(Math.log2(n)) && r === 8 && p >= 1 && p <= 4, 'scrypt');
  return scryptSync(secret, salt, 32, { N: n, r, p, maxmem: 2 ** 31 });
}

// §11. Rows.
const KINDS = ['node', 'client', 'probe'];
const PROFILES = ['peer', 'server', 'client', 'probe'];
const REASONS = {
  0: 'unspecified',
  1: 'keyCompromise',
  2: 'cACompromise',
  3: 'affiliationChanged',
  4: 'superseded',
  5: 'cessationOfOperation',
  6: 'certificateHold',
  9: 'privilegeWithdrawn',
  10: 'aACompromise',
};
const number = (row, at, octets = 6) => row.readUIntBE(at, octets);
const ascii = (row, at, octets) => row.toString('latin1', at, at + octets).replace(/\0+$/, '');
const digits = (row, at, octets) => row.toString('hex', at, at + octets);
const withDate = (name, value) => (value === 0 ? {} : { [name]: value });

export const TABLES = {
  certificates: {
    width: 206,
    key: 89,
    read: (row) => ({
      kind: KINDS[row[0]],
      name: ascii(row, 1, 64),
      plane: ascii(row, 65, 16),
      seq: number(row, 81),
      position: number(row, 87, 2),
      serial: digits(row, 89, 20),
      authority: ascii(row, 109, 32),
      profile: PROFILES[row[141]],
      notBefore: number(row, 142),
      notAfter: number(row, 148),
      dueAt: number(row, 154),
      pack: digits(row, 160, 32),
      abandoned: (row[192] & 1) !== 0,
      ...((row[192] & 2) === 0
        ? {}
        : {
            revoked: {
              at: number(row, 193),
              reason: REASONS[row[199]],
              ...withDate('invalidityDate', number(row, 200)),
            },
          }),
    }),
  },
  serials: { width: 109, key: 20, read: (row) => ({ serial: digits(row, 0, 20), key: digits(row, 20, 89) }) },
  times: {
    width: 39,
    key: 26,
    read: (row) => ({
      notAfter: number(row, 0),
      serial: digits(row, 6, 20),
      dueAt: number(row, 26),
      notBefore: number(row, 32),
      kind: KINDS[row[38] >> 4],
      superseded: (row[38] & 1) !== 0,
      revoked: (row[38] & 2) !== 0,
    }),
  },
  revoked: {
    width: 72,
    key: 53,
    read: (row) => ({
      authority: ascii(row, 0, 32),
      serial: digits(row, 53 - row[32], row[32]),
      at: number(row, 53),
      reason: REASONS[row[59]],
      ...withDate('invalidityDate', number(row, 60)),
      ...withDate('notAfter', number(row, 66)),
    }),
  },
  requests: {
    width: 54,
    key: 22,
    read: (row) => ({ id: digits(row, 0, 16), seq: number(row, 16), hash: digits(row, 22, 32) }),
  },
};

/** Just enough DER to find serial, issuer, times, subject and key of a certificate. */
function certificateOf(der) {
  const element = (at) => {
    let length = der[at + 1];
    let start = at + 2;
    if (length >= 0x80) {
      const octets = length & 0x7f;
      length = der.readUIntBE(start, octets);
      start += octets;
    }
    return {
      start,
      end: start + length,
      raw: der.subarray(at, start + length),
      content: der.subarray(start, start + length),
    };
  };
  const tbs = element(element(0).start);
  const fields = [];
  for (let at = tbs.start; at < tbs.end; at = fields.at(-1).end) fields.push(element(at));
  const [, serial, , issuer, validity, subject, spki] = fields;
  const first = element(validity.start);
  const time = ({ content }) => {
    const text = content.toString('latin1');
    const long = text.length === 13 ? `${text < '50' ? '20' : '19'}${text}` : text;
    return Date.parse(long.replace(/^(....)(..)(..)(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  };
  const octets = serial.content[0] === 0 ? serial.content.subarray(1) : serial.content;
  return {
    serial: octets.toString('hex'),
    issuer: issuer.raw.toString('hex'),
    subject: subject.raw.toString('hex'),
    spki: spki.raw,
    notBefore: time(first),
    notAfter: time(element(first.end)),
  };
}

// §5, §6. The log, folded.
export function readKeystore(root, secrets = []) {
  const file = (...path) => readFileSync(join(root, ...path));
  const object = (hash) => {
    const bytes = file('objects', hash);
    must(sha256(bytes) === hash, `objects/${hash}`);
    return bytes;
  };
  const identity = decodeFile(file('KEYSTORE'));
  must(identity.type === 'cluster-ca keystore' && identity.format === 1, 'KEYSTORE');
  const { id } = identity;
  const auditKey = base64(identity.auditKey);
  const rows = { certificates: [], revoked: [], requests: [] };
  const heads = [];
  let state;
  let prev = sha256(file('KEYSTORE'));
  for (let seq = 0; existsSync(join(root, 'log', String(Math.floor(seq / 4096)), String(seq))); seq++) {
    const bytes = file('log', String(Math.floor(seq / 4096)), String(seq));
    must(bytes.length <= 262_144, 'size');
    const entry = decodeSigned('log', id, bytes, auditKey);
    const { epoch = 0, body, op } = entry;
    const time = Date.parse(entry.time);
    must(
      entry.v === 1 && entry.seq === seq && entry.prev === prev && (op === 'init') === (seq === 0),
      `place of ${seq}`,
    );
    if (state !== undefined)
      must(epoch === state.epoch + 1 || (epoch === state.epoch && time >= state.time), `time of ${seq}`);
    prev = sha256(bytes);
    heads[seq] = prev;
    state = { ...(state ?? { openReserves: [], createdAt: time, keystoreId: id }), seq, head: prev, time, epoch };
    if (op === 'init') Object.assign(state, body, { crls: [] });
    if (op === 'rollover') state = step(state, body, seq, time);
    else if (op === 'issuing') {
      const { authority, domains, permitIp } = body;
      const { generation } = ownRoot(state);
      const before = state.authorities.filter((ca) => ca.role === 'issuing' && ca.generation === generation);
      must(['stable', 'done'].includes(phaseOf(state)), 'a rollover is going on');
      must(authority.id === `issuing-g${generation}.${before.length + 1}`, 'the next issuing CA');
      state = {
        ...state,
        authorities: [...state.authorities, authority],
        policy: { ...state.policy, domains, permitIp },
      };
    } else if (op === 'intermediates') {
      const known = state.authorities.filter((ca) => ca.role === 'intermediate').length;
      for (const [i, { id, role, generation }] of body.authorities.entries())
        must(
          role === 'intermediate' && id === `intermediate-g${generation}.${known + i + 1}`,
          'the next intermediate CA',
        );
      state = { ...state, authorities: [...state.authorities, ...body.authorities] };
    }
    for (const crl of body.crls ?? []) {
      const last = state.crls.findIndex(({ authority }) => authority === crl.authority);
      must(
        state.authorities.some((authority) => authority.id === crl.authority),
        'CRL of nobody',
      );
      must(last < 0 || BigInt(crl.number) > BigInt(state.crls[last].number), 'CRL number');
      state = { ...state, crls: last < 0 ? [...state.crls, crl] : state.crls.with(last, crl) };
    }
    const hash = createHash('sha256').update(entry.requestId).digest('hex').slice(0, 32);
    if (op === 'reserve' || op === 'issue') rows.requests.push({ id: hash, seq, hash: body.requestHash });
    if (op === 'reserve') {
      const open = state.openReserves.filter((reserve) => seq - reserve.seq < 4096);
      const octets = Buffer.from(body.serials.join(''), 'hex');
      state.openReserves = [...open, { seq, count: body.serials.length, sha256: sha256(octets) }];
    } else if (op === 'issue') {
      const reserve = state.openReserves.find((open) => open.seq === body.reserve) ?? refuse('not reserved');
      state.openReserves = state.openReserves.filter((open) => open !== reserve);
      const issued = decodePack(object(body.pack)).map(({ der, ...holder }, position) => {
        const { serial, issuer, notBefore, notAfter } = certificateOf(der);
        const authority = state.authorities.find((ca) => certificateOf(base64(ca.certificate)).subject === issuer);
        must(authority !== undefined && serial.length === 40, 'issuer');
        const right =
          holder.kind === 'probe' ? !state.destroyed?.includes(authority.id) : authority === issuerOf(state);
        must(right, 'an issuer in its phase');
        const spread = Number.parseInt(sha256(`${holder.name}/${holder.plane}`).slice(0, 6), 16) / 2 ** 24;
        const ratio = Math.min(state.policy.rotateBefore / state.policy.nodeLifetime, 0.9);
        const dueAt = Math.floor(notAfter + 1000 - (ratio + 0.05 * spread) * (notAfter - notBefore + 1000));
        const place = { seq, position, pack: body.pack, abandoned: false };
        return { ...holder, serial, authority: authority.id, notBefore, notAfter, dueAt, ...place };
      });
      must(issued.length === body.count && body.count === reserve.count, 'count');
      must(sha256(Buffer.from(issued.map(({ serial }) => serial).join(''), 'hex')) === reserve.sha256, 'serials');
      rows.certificates.push(...issued);
    } else if (op === 'revoke')
      for (const { authority, serial, reason, ...dates } of body.entries) {
        if (rows.revoked.some((other) => other.authority === authority && other.serial === serial)) continue;
        const parsed = Object.fromEntries(Object.entries(dates).map(([name, value]) => [name, Date.parse(value)]));
        rows.revoked.push({ authority, serial, at: time, reason, ...parsed });
      }
    else if (op === 'abandon') for (const row of rows.certificates) row.abandoned ||= body.serials.includes(row.serial);
    else if (op === 'slots') state.slots = body.slots;
    else if (op === 'rewrap') {
      for (const { id, sealed } of body.authorities)
        moveKey(
          live(state).find((ca) => ca.id === id),
          sealed,
        );
      if (body.audit !== undefined) moveKey(state.audit, body.audit);
      for (const domain of ['daily', 'root']) {
        const own = [...live(state), state.audit].filter(({ sealed }) => sealed.domain === domain);
        must(new Set(own.map(({ sealed }) => sealed.epoch)).size <= 1, 'one epoch a domain');
      }
      state.slots = body.slots;
    } else if (op === 'backup') state.backup = { ...body, seq, time };
    else if (op === 'scheduler') state.scheduler = body;
    else if (op === 'deploy') {
      const undone = new Map((state.undone ?? []).map((one) => [`${one.kind} ${one.name} ${one.service}`, one]));
      for (const { certificate: _, ...one } of body.services) {
        const id = `${one.kind} ${one.name} ${one.service}`;
        if (!['pending', 'failed'].includes(one.state)) undone.delete(id);
        else undone.set(id, { ...one, since: undone.get(id)?.since ?? time });
      }
      delete state.undone;
      if (undone.size > 0) state.undone = [...undone.values()];
    } else if (op === 'alerts') {
      const open = new Map((state.alerts ?? []).map((one) => [JSON.stringify([one.name, one.subject]), one]));
      for (const { event, ...told } of body.changes) {
        const id = JSON.stringify([told.name, told.subject]);
        if (event === 'resolved') open.delete(id);
        else if (open.has(id) || open.size < 1024)
          open.set(id, { ...told, raisedAt: open.get(id)?.raisedAt ?? time, notifiedAt: time });
      }
      delete state.alerts;
      if (open.size > 0) state.alerts = [...open.values()];
    } else if (['withdraw', 'exclude', 'confirm', 'evidence'].includes(op)) {
      must(!['stable', 'done'].includes(phaseOf(state)), 'no rollover is going on');
      state.rollover = told(state.rollover, op, body, time);
    } else if (op === 'trust') {
      const hashOf = ({ certificate }) => sha256(base64(certificate));
      const known = (state.trusted ?? []).map(hashOf);
      must(
        body.remove.every((hash) => known.includes(hash)),
        'an anchor to remove',
      );
      const kept = (state.trusted ?? []).filter((anchor) => !body.remove.includes(hashOf(anchor)));
      const added = body.add.map((certificate) => ({ certificate, addedAt: time }));
      must(!added.some((anchor) => known.includes(hashOf(anchor))), 'an anchor twice');
      delete state.trusted;
      if (kept.length + added.length > 0) state.trusted = [...kept, ...added];
    } else if (op.startsWith('join-token')) {
      let tokens = state.joinTokens ?? [];
      if (op === 'join-token') {
        tokens = tokens.filter((token) => token.expiresAt > time);
        must(tokens.length < 1024 && !tokens.some((token) => token.sha256 === body.sha256), 'join token');
        tokens.push({ ...body, madeAt: time, expiresAt: Date.parse(body.expiresAt) });
      } else if (op === 'join-token-used') {
        must(
          tokens.some((token) => token.sha256 === body.sha256 && token.keys === undefined),
          'open join token',
        );
        tokens = tokens.map((token) => (token.sha256 === body.sha256 ? { ...token, keys: body.keys } : token));
      } else {
        must(op === 'join-tokens-ended', `a later version wrote ${op}`);
        tokens = tokens.filter((token) => !body.sha256.includes(token.sha256));
      }
      delete state.joinTokens;
      if (tokens.length > 0) state.joinTokens = tokens;
    } else if (op === 'agents') {
      const nodes = new Set(state.agents ?? []);
      for (const node of body.left) nodes.delete(node);
      for (const node of body.joined) if (nodes.size < 4096) nodes.add(node);
      delete state.agents;
      if (nodes.size > 0) state.agents = [...nodes];
    } else must(['init', 'crl', 'rollover', 'issuing', 'intermediates'].includes(op), `a later version wrote ${op}`);
    // They pin a root that goes.
    if (op === 'rollover' && body.to === 'retire') delete state.joinTokens;
  }
  for (const certificate of [state.audit.certificate, ...(state.auditCertificates ?? [])])
    must(certificateOf(base64(certificate)).spki.equals(auditKey), 'audit key');
  for (const row of rows.certificates) {
    const found = rows.revoked.find(({ authority, serial }) => authority === row.authority && serial === row.serial);
    if (found === undefined) continue;
    const { at, reason, invalidityDate } = found;
    row.revoked = { at, reason, ...withDate('invalidityDate', invalidityDate ?? 0) };
  }
  for (const { sha256: hash } of state.crls) object(hash);
  // §4: nothing is there beyond the head.
  const numbers = readdirSync(join(root, 'log'), { recursive: true }).flatMap(
    (path) => /^\d+\/(\d+)$/.exec(path)?.[1] ?? [],
  );
  must(Math.max(...numbers.map(Number)) === state.seq, 'a gap');
  const masters = openSlots(file, state, secrets);
  return {
    identity,
    state,
    ...rows,
    snapshot: readSnapshot(root, file, identity, heads),
    ...openKeys(file, state, masters),
  };
}

// §6. Rollover.
const STEPS = {
  stable: ['prepared'],
  prepared: ['distribute', 'stable'],
  distribute: ['issue-new', 'rollback'],
  'issue-new': ['retire', 'rollback'],
  retire: ['done', 'issue-new'],
  rollback: ['stable'],
  done: ['prepared'],
};
const phaseOf = ({ rollover }) => rollover?.phase ?? 'stable';
const live = ({ authorities, destroyed = [] }) => authorities.filter(({ id }) => !destroyed.includes(id));
const ownRoot = (state) => live(state).findLast(({ role }) => role === 'root');

/** The issuing CA that signs now. */
function issuerOf(state) {
  const wanted = { prepared: 'old', distribute: 'old', rollback: 'old', 'issue-new': 'new', retire: 'new' };
  const side = wanted[phaseOf(state)];
  const id = side === undefined ? ownRoot(state)?.id : state.rollover[side];
  const root = state.authorities.find((ca) => ca.id === id);
  return live(state).findLast((ca) => ca.role === 'issuing' && ca.generation === root?.generation);
}

const wants = (phase, withdrawn) =>
  withdrawn ? 'old' : ({ stable: 'old', prepared: 'old', retire: 'new', done: 'new' }[phase] ?? 'both');
const signs = (phase) => (['issue-new', 'retire', 'done'].includes(phase) ? 'new' : 'old');

function step(state, { from, to, start, destroyed, rewrapped }, seq, time) {
  must(from === phaseOf(state) && STEPS[from].includes(to), `from ${from} to ${to}`);
  must((start !== undefined) === (to === 'prepared'), 'start');
  must(from !== 'rollback' || state.rollover.withdrawn, 'withdrawn');
  must(rewrapped === undefined || to === 'done', 'rewrapped');
  if (start !== undefined) {
    const { form, authorities, auditCertificate, backup, ...rest } = start;
    const own = ownRoot(state);
    const generation = 1 + Math.max(...state.authorities.map((ca) => ca.generation));
    const ids = form === 'root' ? [`root-g${generation}`, `issuing-g${generation}.1`] : [];
    must(authorities.map(({ id }) => id).join() === ids.join(), 'the next generation');
    return {
      ...state,
      authorities: [...state.authorities, ...authorities],
      ...(auditCertificate && { auditCertificates: [...(state.auditCertificates ?? []), auditCertificate] }),
      ...(backup && { backup: { ...backup, seq, time } }),
      rollover: {
        form,
        phase: to,
        since: time,
        startedAt: time,
        trustSince: time,
        issuerSince: time,
        new: ids[0] ?? own.id,
        ...(form === 'root' && { old: own.id }),
        ...rest,
      },
    };
  }
  const goes =
    state.rollover.form === 'root' ? { done: state.rollover.old, stable: state.rollover.new }[to] : undefined;
  const { generation } = state.authorities.find(({ id }) => id === goes) ?? {};
  const doomed = live(state).filter((ca) => ca.generation === generation);
  must((destroyed ?? []).join() === doomed.map(({ id }) => id).join(), 'destroyed');
  const sealed = new Map(rewrapped?.authorities.map((one) => [one.id, one.sealed]));
  must(![...sealed.keys()].some((id) => destroyed?.includes(id)), 'a destroyed key');
  const { withdrawn, ...rollover } = state.rollover;
  const next = {
    ...state,
    slots: rewrapped?.slots ?? state.slots,
    authorities: state.authorities.map((ca) => ({ ...ca, sealed: sealed.get(ca.id) ?? ca.sealed })),
    ...(destroyed && { destroyed: [...(state.destroyed ?? []), ...destroyed] }),
    rollover: {
      ...rollover,
      phase: to,
      since: time,
      ...(wants(from, withdrawn) !== wants(to) && { trustSince: time }),
      ...(signs(from) !== signs(to) && { issuerSince: time }),
    },
  };
  if (to !== 'stable') return next;
  delete next.rollover;
  return { ...next, crls: state.crls.filter(({ authority }) => !destroyed?.includes(authority)) };
}

/** The rollover after what a record tells of it. */
function told(rollover, op, body, time) {
  const same = (a, b) => a.kind === b.kind && a.name === b.name;
  if (op === 'withdraw') {
    must(rollover.phase === 'rollback' && !rollover.withdrawn, 'withdraw');
    return { ...rollover, withdrawn: true, trustSince: time };
  }
  if (op === 'exclude') {
    const { excluded = [] } = rollover;
    const added = body.holders.filter((one) => !excluded.some((other) => same(one, other)));
    return { ...rollover, excluded: [...excluded, ...added.map((one) => ({ ...one, at: time }))] };
  }
  if (op === 'confirm') {
    const { confirmed = [] } = rollover;
    const wanted = Math.max(rollover.trustSince, rollover.issuerSince);
    const before = confirmed.find((other) => same(other, body) && other.at >= wanted);
    return {
      ...rollover,
      confirmed: [...confirmed.filter((other) => !same(other, body)), { ...before, ...body, at: time }],
    };
  }
  const key = ({ kind, name, plane, service, role }) => JSON.stringify([kind, name, plane ?? '', service, role]);
  const proofs = new Map((rollover.evidence ?? []).map((proof) => [key(proof), proof]));
  for (const proof of body.proofs) {
    proofs.delete(key(proof));
    proofs.set(key(proof), proof);
  }
  return { ...rollover, evidence: [...proofs.values()].slice(-16_384) };
}

/** The same key, sealed under a later epoch. */
function moveKey(owner, sealed) {
  must(owner !== undefined && sealed.keyId === owner.sealed.keyId && sealed.domain === owner.sealed.domain, 'rewrap');
  must(sealed.epoch > owner.sealed.epoch, 'later epoch');
  owner.sealed = sealed;
}

function openSlots(file, { keystoreId, slots }, secrets) {
  const opened = [];
  for (const ref of slots) {
    const bytes = file('slots', ref.id);
    must(sha256(bytes) === ref.sha256, `slots/${ref.id}`);
    const slot = decodeFile(bytes);
    must(slot.keystore === keystoreId && slot.id === ref.id && slot.domain === ref.domain && slot.v === 1, 'slot');
    for (const secret of secrets) {
      if (slot.kind === 'key-file' && secret.length !== 32) continue;
      const kek = kekOf(slot.kind, secret, slot.kdf);
      const context = { keystoreId, type: `slot-${slot.domain}`, keyId: slot.id, epoch: slot.epoch };
      const master = unseal(kek, { ...context, algorithm: 'master-key', spkiSha256: '' }, slot.sealed);
      if (master !== undefined) opened.push({ slot: ref.id, domain: slot.domain, epoch: slot.epoch, master });
    }
  }
  return opened;
}

function openKeys(file, state, masters) {
  const { keystoreId, audit } = state;
  const keys = [];
  for (const { sealed: ref, certificate } of [...live(state), audit]) {
    const bytes = file('sealed', `${ref.keyId}.${ref.epoch}`);
    must(sha256(bytes) === ref.sha256, `sealed/${ref.keyId}`);
    const key = decodeFile(bytes);
    must(
      key.v === 1 && key.type === 'sealed-key' && key.keystore === keystoreId && key.keyId === ref.keyId,
      'sealed key',
    );
    const { spki } = certificateOf(base64(certificate));
    must(key.spkiSha256 === sha256(spki), 'public half');
    const open = masters.find(({ domain, epoch }) => domain === ref.domain && epoch === ref.epoch);
    if (open === undefined) continue;
    const context = { keystoreId, type: `sealed-key-${ref.domain}`, keyId: ref.keyId, epoch: ref.epoch };
    const pkcs8 = unseal(open.master, { ...context, algorithm: key.algorithm, spkiSha256: key.spkiSha256 }, key.sealed);
    const half = createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }));
    must(half.export({ format: 'der', type: 'spki' }).equals(spki), 'private half');
    keys.push({ keyId: ref.keyId, algorithm: key.algorithm });
  }
  return { slots: masters.map(({ slot }) => slot), keys };
}

function readSnapshot(root, file, identity, heads) {
  if (!existsSync(join(root, 'snapshot/head'))) return undefined;
  const { v, state, pages } = decodeSigned('snapshot', identity.id, file('snapshot/head'), base64(identity.auditKey));
  must(v === 1 && heads[state.seq] === state.head, 'snapshot');
  const tables = Object.entries(TABLES).map(([name, { width, key, read }]) => {
    let last = Buffer.alloc(0);
    const rows = pages[name].flatMap(({ sha256: hash, count, first }) => {
      const bytes = file('snapshot', hash);
      must(sha256(bytes) === hash && bytes.length === count * width && bytes.length <= 262_144, 'page');
      must(bytes.toString('hex', 0, key).replace(/(00)+$/, '') === first, 'first');
      return Array.from({ length: count }, (_, i) => {
        const row = bytes.subarray(i * width, (i + 1) * width);
        must(last.compare(row.subarray(0, key)) < 0, 'order');
        last = row.subarray(0, key);
        return read(row);
      });
    });
    return [name, rows];
  });
  return { state, ...Object.fromEntries(tables) };
}

if (process.argv[1] === new URL(import.meta.url).pathname && process.argv[2] !== undefined) {
  const [, , root, ...files] = process.argv;
  const read = readKeystore(
    root,
    files.map((path) => readFileSync(path)),
  );
  console.log(JSON.stringify(read, null, 2));
}
