const SECONDS: Record<string, number> = { d: 86_400, h: 3600, m: 60, s: 1 };

/** How many sessions of `show sess` were there at a moment; those of the socket itself are none. Ages are whole seconds. */
export function olderSessions(answer: string, since: Date): number {
  const elapsed = (Date.now() - since.getTime()) / 1000;
  return answer
    .split('\n')
    .filter((line) => /^0x[0-9a-f]+: proto=tcp/.test(line))
    .filter((line) => ageOf(line) > elapsed).length;
}

/** `age=1m2s` */
function ageOf(line: string): number {
  const age = / age=(\S+)/.exec(line)?.[1] ?? '';
  return [...age.matchAll(/(\d+)([dhms])/g)].reduce(
    (sum, [, number, unit]) => sum + Number(number) * (SECONDS[unit as string] ?? 0),
    0,
  );
}
