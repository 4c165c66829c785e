import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** One module of test/keystore/support made into a file that plain Node runs. */
export async function bundle(name: string, outfile: string): Promise<string> {
  await build({
    entryPoints: [fileURLToPath(new URL(`${name}.ts`, import.meta.url))],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    logLevel: 'error',
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
    },
  });
  return outfile;
}
