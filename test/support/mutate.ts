/** A small random generator (mulberry32): the same seed gives the same run on every machine. */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** One to four random changes of the octets: flips, lengths, cuts, doublings, insertions. */
export function mutate(input: Uint8Array, random: (below: number) => number): Uint8Array {
  let bytes = Uint8Array.from(input);
  for (let changes = 1 + random(4); changes > 0; changes--) bytes = change(bytes, random);
  return bytes;
}

const TELLING = [0x00, 0x01, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xff, 0x30, 0x31, 0x02, 0x03, 0x04, 0x06, 0xa0, 0xa3];

function change(bytes: Uint8Array<ArrayBuffer>, random: (below: number) => number): Uint8Array<ArrayBuffer> {
  const at = random(bytes.length + 1);
  const end = Math.min(bytes.length, at + 1 + random(40));
  switch (random(8)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return join(bytes.subarray(0, at), bytes.subarray(end));
    case 2:
      return join(bytes.subarray(0, end), bytes.subarray(at));
    case 3:
      return join(bytes.subarray(0, at), Uint8Array.of(random(256), random(256)), bytes.subarray(at));
    case 4:
      if (at < bytes.length) bytes[at] = TELLING[random(TELLING.length)] as number;
      return bytes;
    case 5:
      if (at < bytes.length) bytes[at] = ((bytes[at] as number) + (random(2) === 0 ? 1 : 255)) & 0xff;
      return bytes;
    default:
      if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << random(8));
      return bytes;
  }
}

function join(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
