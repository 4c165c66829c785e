import { Worker } from 'node:worker_threads';

const THREAD = `
const { generateKeyPairSync, sign } = require('node:crypto');
const { workerData } = require('node:worker_threads');
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const data = Buffer.alloc(500);
for (let i = 0; i < workerData; i++) {
  generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  sign('sha256', data, privateKey);
}`;

/** P-256 keys and signatures a second on two worker threads with node:crypto alone: what no pipeline of one key and one signature a certificate should be expected to pass. */
export async function rawLimit(certificates: number): Promise<number> {
  const start = performance.now();
  const threads = [0, 1].map(
    () =>
      new Promise<void>((resolve, reject) => {
        new Worker(THREAD, { eval: true, workerData: Math.ceil(certificates / 2) })
          .on('exit', () => resolve())
          .on('error', reject);
      }),
  );
  await Promise.all(threads);
  return certificates / ((performance.now() - start) / 1000);
}
