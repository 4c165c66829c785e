import { ClusterCaError } from '../errors.ts';
import { type PathOptions, type RevocationCheck, verifyPath } from '../pki/path/index.ts';
import type { Sha256, VerifySignature } from '../pki/signature.ts';
import { hasSignedOutline } from '../pki/x509/outline.ts';
import { toDocument, type VerifyDocument } from './document.ts';
import { type InputFile, readSources } from './read-sources.ts';

/** The files of `cluster-ca verify FILE`, and everything else that the verdict depends on. */
export interface VerifyFilesInput {
  /** Its first certificate is validated, the others in it are untrusted candidates. */
  subject: InputFile;
  /** At least one; every certificate in them is a trust anchor. */
  trust: readonly InputFile[];
  untrusted?: readonly InputFile[];
  /** Given (even without a file): every non-anchor certificate needs a valid and current CRL. */
  crls?: readonly InputFile[] | undefined;
  /** A further source of revocations, such as the keystore's log. */
  revocation?: RevocationCheck | undefined;
  options?: PathOptions;
  /** Whether the document is to hold every path tried. */
  explain?: boolean;
  now: Date;
  verify: VerifySignature;
  sha256: Sha256;
}

/**
 * Validates the first certificate of a file (cli.md "verify"). What is wrong inside the ASN.1 outline of a file is a
 * failure in the document.
 * @throws ClusterCaError ERR_CONFIG (exit 2) for a file that is empty, too large or not a certificate or CRL
 */
export function verifyFiles(input: VerifyFilesInput): VerifyDocument {
  const { options = {}, explain = false, now, verify, sha256 } = input;
  const [target, ...others] = readSources(input.subject, 'certificate');
  if (target !== undefined && !hasSignedOutline(target.der))
    throw new ClusterCaError(
      'ERR_CONFIG',
      `the first block of ${input.subject.name} has not the outline of a certificate`,
      {
        hint: `the first certificate of the file is verified; cluster-ca inspect ${input.subject.name} tells what it is`,
        details: { file: input.subject.name },
      },
    );
  const anchors = input.trust.flatMap((file) => readSources(file, 'certificate'));
  if (target === undefined || anchors.length === 0)
    throw new ClusterCaError('ERR_CONFIG', 'no trust anchors', { hint: 'give the trust bundle with --trust' });
  const untrusted = (input.untrusted ?? []).flatMap((file) => readSources(file, 'certificate'));
  const crls = input.crls?.flatMap((file) => readSources(file, 'crl'));
  const verdict = verifyPath({
    target,
    anchors,
    untrusted: [...others, ...untrusted],
    crls,
    revocation: input.revocation,
    options,
    now,
    verify,
    sha256,
  });
  const revocation = crls !== undefined || input.revocation !== undefined;
  return toDocument(verdict, { at: now, options, revocation, explain, verify });
}
