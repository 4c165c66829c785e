import { build } from 'esbuild';

/** Makes one TypeScript module, with all it imports, into a file that plain Node runs. */
export function bundleOne(entry, outfile) {
  return build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
    // Some libraries are CommonJS, and ask for what they need with require.
    banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
  });
}
