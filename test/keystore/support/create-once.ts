import { isClusterCaError } from '../../../src/errors.ts';
import { createKeystore } from '../../../src/keystore/create.ts';
import { createOptions } from './create-options.ts';

// `create-once PLACE`: prints `made`, or the error's code.

try {
  await createKeystore(createOptions(process.argv[2] as string));
  console.log('made');
} catch (error) {
  console.log(isClusterCaError(error) ? error.code : error);
}
