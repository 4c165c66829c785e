import { createKeystore } from '../../../src/keystore/create.ts';
import { createOptions } from './create-options.ts';

// `create-killed PLACE ROOT-PLACE`: kills itself when all is written but record 0.

const [location, rootLocation] = process.argv.slice(2) as [string, string | undefined];
const options = createOptions(location, { rootLocation });
await createKeystore({
  ...options,
  body: () => {
    process.kill(process.pid, 'SIGKILL');
    for (;;);
  },
});
