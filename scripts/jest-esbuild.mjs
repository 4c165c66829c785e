// The jest transform: esbuild strips the types, tsc alone checks them.
import { transformSync } from 'esbuild';

export default {
  process(source, filename) {
    const { code, map } = transformSync(source, {
      loader: 'ts',
      format: 'esm',
      target: 'node20',
      supported: { 'import-attributes': true },
      sourcefile: filename,
      sourcemap: 'external',
    });
    return { code, map };
  },
};
