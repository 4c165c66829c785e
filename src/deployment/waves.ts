/** A node with what decides when its turn is. */
export interface Ranked {
  node: string;
  /** 0 goes first: replicas, followers, what does not say. 1: a primary, a leader. */
  rank: number;
}

/**
 * The order in which nodes get their files: those of rank 0 first, each group in the inventory's order, `atOnce` at a
 * time; a wave never mixes the ranks, so that a primary never goes with its replica. Pure.
 * @param atOnce 1 or more
 */
export function planWaves(nodes: readonly Ranked[], atOnce: number): string[][] {
  const waves: string[][] = [];
  for (const rank of [...new Set(nodes.map((node) => node.rank))].sort((a, b) => a - b)) {
    const group = nodes.filter((node) => node.rank === rank).map(({ node }) => node);
    for (let at = 0; at < group.length; at += atOnce) waves.push(group.slice(at, at + atOnce));
  }
  return waves;
}
