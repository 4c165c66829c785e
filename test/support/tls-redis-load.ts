import type { LoadClient } from './steady-load.ts';
import type { Material } from './tls.ts';
import { RespConnection } from './tls-resp.ts';

/**
 * A client of a Redis, or of what stands in front of it: it writes, and reads back what it wrote; over one connection, or
 * over a new one, and so a full handshake, for each operation.
 * @param port where it connects at that moment
 * @param material what it connects with; of a client that reads its files anew, as it is then
 */
export function redisClient(
  id: number,
  group: 'lasting' | 'fresh',
  port: () => number | Promise<number>,
  material: Material | (() => Material),
): LoadClient {
  let kept: RespConnection | undefined;
  let opened = 0;
  const connect = async (): Promise<RespConnection> => {
    opened++;
    return RespConnection.open(await port(), typeof material === 'function' ? material() : material);
  };
  return {
    group,
    async operation(round) {
      const connection = kept ?? (await connect());
      const key = `${group}:${id}:${round % 100}`;
      const value = `value ${round}`;
      const written = await connection.send('SET', key, value);
      const read = await connection.send('GET', key);
      if (written !== 'OK' || read !== value) throw new Error(`SET says ${written}, GET ${read}, not ${value}`);
      if (group === 'lasting') kept = connection;
      else connection.close();
    },
    connections: () => opened,
    close: () => kept?.close(),
  };
}
