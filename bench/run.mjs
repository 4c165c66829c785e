// Runs one benchmark: bundles bench/NAME.ts beside the built command line and starts it. `npm run bench -- NAME`.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { bundleOne } from '../scripts/bundle-one.mjs';

const [name = '', ...args] = process.argv.slice(2);
if (!existsSync(`bench/${name}.ts`)) throw new Error(`there is no bench/${name}.ts`);
if (!existsSync('dist/main.cjs')) throw new Error('dist/ is missing: npm run build');
const outfile = `dist/bench-${name}.mjs`;
await bundleOne(`bench/${name}.ts`, outfile);
// Extra CA certificates would be loaded at every start and drown what is measured.
const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
process.exitCode = spawnSync(process.execPath, [outfile, ...args], { stdio: 'inherit', env }).status ?? 1;
