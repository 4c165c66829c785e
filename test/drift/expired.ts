import { encodePem } from '../../src/pki/pem.ts';
import { type Entity, makeRoot } from '../support/make-pki.ts';

/** A CA of years ago. */
export function makeExpired(): Entity {
  return makeRoot('CN=Old', { notBefore: new Date('2015-01-01Z'), notAfter: new Date('2020-01-01Z') });
}

export const certificatePem = ({ der }: Entity): string => encodePem('CERTIFICATE', der);
