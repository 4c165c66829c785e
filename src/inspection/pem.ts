import { ClusterCaError } from '../errors.ts';
import { encodePem } from '../pki/pem.ts';
import { type OpenPkcs12, readContainer } from './container.ts';
import { type Item, readItems } from './items.ts';

/**
 * The certificates, requests and CRLs of a file as PEM, in order and without the text around them: DER becomes PEM.
 * Private keys are left out: they never go to standard output.
 * @throws ClusterCaError ERR_CONFIG when there is nothing to show
 */
export function publicPem(bytes: Uint8Array, source = 'the input', open?: OpenPkcs12): string {
  const container = readContainer(bytes, open);
  const pem = (container ?? readItems(bytes, source)).items.map(itemPem).join('');
  if (pem === '' && container?.kind === 'pkcs12' && !container.opened)
    throw new ClusterCaError('ERR_INPUT_REQUIRED', `${source} is encrypted`, {
      hint: 'give its password with --export-password-file PATH',
    });
  if (pem !== '') return pem;
  throw new ClusterCaError('ERR_CONFIG', `${source} holds only private keys, which are never printed`, {
    hint: `inspect it without --pem`,
  });
}

function itemPem(item: Item): string {
  switch (item.kind) {
    case 'certificate':
      return encodePem('CERTIFICATE', item.certificate.der);
    case 'csr':
      return encodePem('CERTIFICATE REQUEST', item.csr.der);
    case 'crl':
      return encodePem('X509 CRL', item.crl.der);
    case 'private-key':
      return '';
  }
}
