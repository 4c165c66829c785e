// Bundles the command line into dist/: a small way in, and one bundle for each group of commands.
// CommonJS, because Node loads it faster than as many modules; everything is inside, nothing is installed with it.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';

/** The groups are bundles of their own: what imports one loads its file (src/bundles.ts). */
const groupsApart = {
  name: 'groups-apart',
  setup({ onResolve }) {
    onResolve({ filter: /^\.(\/commands)?\/(reading|checking|writing|completing|joining)\.ts$/ }, ({ path, kind }) =>
      kind === 'entry-point' ? undefined : { path: `./${/(\w+)\.ts$/.exec(path)[1]}.cjs`, external: true },
    );
  },
};

/** What reads an inventory is large: who verifies a file must not load it. */
const librariesApart = {
  name: 'libraries-apart',
  setup({ onResolve }) {
    onResolve({ filter: /^(yaml|zod)$/ }, ({ path, kind }) =>
      kind === 'entry-point' ? undefined : { path: `./${path}.cjs`, external: true },
    );
  },
};

/** commander can run verbs as programs of their own. Ours are none, and what that would need takes 5 ms to load. */
const withoutChildProcess = {
  name: 'without-child-process',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      /[\\/]commander[\\/]/.test(importer) ? { path: 'child_process', namespace: 'none' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'none' }, () => ({ contents: 'module.exports = {};' }));
  },
};

// Built aside and put into place whole: a build that fails leaves the last one working.
const OUT = 'dist.new';
await rm(OUT, { recursive: true, force: true });
await mkdir(OUT);
await writeFile(`${OUT}/package.json`, '{ "type": "commonjs" }\n');
const common = {
  outdir: OUT,
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  charset: 'ascii',
  supported: { 'dynamic-import': false },
  define: { 'import.meta.url': 'importMetaUrl' },
  banner: { js: "const importMetaUrl=require('url').pathToFileURL(__filename).href;" },
  legalComments: 'linked',
  // The first is optional, native, and loaded only when a key is in a token. The other is inside, but for a checkout that
  // was not installed since it came: that one still builds, and says what is missing when shares are used.
  external: [
    'node-webcrypto-p11',
    ...(existsSync('node_modules/shamir-secret-sharing') ? [] : ['shamir-secret-sharing']),
  ],
};
await build({
  ...common,
  entryPoints: {
    main: 'src/main.ts',
    reading: 'src/commands/reading.ts',
    checking: 'src/commands/checking.ts',
    completing: 'src/commands/completing.ts',
    yaml: 'yaml',
    zod: 'zod',
  },
  minify: true,
  plugins: [groupsApart, librariesApart, withoutChildProcess],
});
await build({
  ...common,
  entryPoints: {
    writing: 'src/commands/writing.ts',
    joining: 'src/commands/joining.ts',
    serving: 'src/main/serving.ts',
    'batch-worker': 'src/issuance/batch/worker.ts',
  },
  // Names stay: some of the libraries in it look at them.
  minifyWhitespace: true,
  minifySyntax: true,
  plugins: [withoutChildProcess],
});
await build({
  entryPoints: { demo: 'demo/main.ts' },
  outdir: OUT,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
});
const { status } = spawnSync(process.execPath, ['scripts/code-cache.mjs', OUT], { stdio: 'inherit' });
if (status !== 0) process.exit(1);
await rm('dist', { recursive: true, force: true });
await rename(OUT, 'dist');
