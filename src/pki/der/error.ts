import { ClusterCaError } from '../../errors.ts';

/** Input that is not the DER (or PEM) it should be: `ERR_CONFIG`, exit 2. `details.offset` is in octets from the start of the value read. */
export class DerError extends ClusterCaError {
  constructor(message: string, offset?: number) {
    super('ERR_CONFIG', message, { details: offset === undefined ? undefined : { offset } });
    this.name = 'DerError';
  }
}
