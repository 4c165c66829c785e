import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, versions } from 'node:process';
import { Script } from 'node:vm';

/** What a script of dist/ leaves behind. */
interface Bundle {
  exports: unknown;
}

const loaded = new Map<string, Bundle>();
const directory = new URL('.', import.meta.url);
const outside = createRequire(import.meta.url);

/** The bundles loaded so far, by name: the build asks them for the code that V8 made of them. */
export const scripts = new Map<string, Script>();

/**
 * The file with the code that V8 made of a bundle at build time. It is of use to the same V8 on the same kind of
 * processor only; any other finds none, and compiles.
 * @param name the bundle's, such as `reading`
 */
export function codeCacheOf(name: string): URL {
  return new URL(`code-cache/${versions.v8}-${arch}/${name}.bin`, directory);
}

/**
 * Loads a bundle of dist/ as `require` would, with the code compiled at build time where it is there: half of the
 * time of a short command is compiling.
 * @param name the bundle's, such as `reading`
 */
export function load(name: string): unknown {
  const known = loaded.get(name);
  if (known !== undefined) return known.exports;
  const file = new URL(`${name}.cjs`, directory);
  const filename = outside.resolve(`./${name}.cjs`);
  // The build writes ASCII alone, so that the octets are the characters.
  const source = `(function(exports,require,module,__filename){${readFileSync(file, 'latin1')}\n})`;
  const script = new Script(source, { filename, ...cachedCode(name) });
  const module: Bundle = { exports: {} };
  loaded.set(name, module);
  scripts.set(name, script);
  script.runInThisContext()(module.exports, inside, module, filename);
  return module.exports;
}

/** Bundles ask for each other by `./NAME.cjs`, and for what is Node's by its name. */
function inside(id: string): unknown {
  const [, name] = /^\.\/([\w-]+)\.cjs$/.exec(id) ?? [];
  if (name !== undefined) return load(name);
  return LATE.test(id) ? late(id) : outside(id);
}

/** What is Node's and takes milliseconds to load, and most commands never use. */
const LATE = /^node:(child_process|dns\/promises|http|tls|worker_threads)$/;

/** A module of Node's that is loaded when something of it is asked for. */
function late(id: string): unknown {
  return new Proxy(
    {},
    {
      get: (_, name) => Reflect.get(outside(id), name),
      has: (_, name) => Reflect.has(outside(id), name),
    },
  );
}

function cachedCode(name: string): { cachedData?: Buffer } {
  try {
    return { cachedData: readFileSync(codeCacheOf(name)) };
  } catch {
    return {};
  }
}
