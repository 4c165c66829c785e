import type { Material } from './tls.ts';
import { RespConnection } from './tls-resp.ts';

/** The port of a primary, as a client of Sentinels finds it out: the next is asked when one is not there. */
export async function primaryOf(name: string, sentinels: readonly number[], files: Material): Promise<number> {
  let last: unknown;
  for (const port of sentinels)
    try {
      const connection = await RespConnection.open(port, files);
      try {
        const reply = await connection.send('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name);
        if (Array.isArray(reply)) return Number(reply[1]);
        throw new Error(`the Sentinel on ${port} says ${reply}`);
      } finally {
        connection.close();
      }
    } catch (error) {
      last = error;
    }
  throw last;
}
