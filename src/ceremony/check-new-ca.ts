import { checkDomain } from '../init/policy.ts';
import { tampered } from '../keystore/canonical.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { fromBase64, fromHex } from '../pki/encoding.ts';
import { CA_KEY_TYPES } from '../pki/x509/algorithm.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import { parseCidr } from '../pki/x509/ip.ts';
import { keyTypeOf, parsePublicKeyInfo } from '../pki/x509/public-key.ts';
import { LONGEST } from '../values/duration.ts';
import type { CeremonyRequest, NewCa } from './request-shape.ts';

/** How many certificates each kind is for. */
const SERIALS = { issuing: 1, root: 4 } as const;

/**
 * Holds what a request says of new CAs against what `init` and `rollover start` would ask for: the same names, ranges, key
 * types and order of lifetimes. What the certificates' lint has rules for is left to it.
 * @param own the certificate of the root that is asked
 * @throws ERR_KEYSTORE_TAMPERED, ERR_USAGE, DerError
 */
export function checkNewCa({ type, authority, createdAt, ca }: CeremonyRequest, own: Certificate): void {
  if (ca === undefined || (type !== 'issuing' && type !== 'root')) return;
  const { generation, number, serials } = ca;
  const isNext = type === 'root' ? generation > authority.generation : generation === authority.generation;
  if (!isNext || (type === 'root' ? number !== 1 : number < 2) || Math.max(generation, number) > 999_999_999)
    throw tampered(`the new CA G${generation}.${number} does not follow ${authority.id}`);
  const at = Date.parse(createdAt);
  if (at < own.notBefore || at > own.notAfter) throw tampered(`${createdAt} is outside the life of ${authority.id}`);
  const taken = [...serials.map(fromHex), own.serialNumber];
  if (serials.length !== SERIALS[type] || taken.some((one, i) => taken.slice(0, i).some((two) => equalBytes(one, two))))
    throw tampered('there is not one new serial number for each certificate');
  checkLifetimes(ca);
  checkKey(ca, own);
  checkNames(ca);
}

function checkLifetimes({ rootLifetime, issuingLifetime }: NewCa): void {
  if (issuingLifetime < 1 || issuingLifetime > rootLifetime || rootLifetime > LONGEST)
    throw tampered(`lifetimes of ${issuingLifetime} s for an issuing CA below one of ${rootLifetime} s`);
}

function checkKey({ keyType, spki, sealed }: NewCa, own: Certificate): void {
  const publicKey = parsePublicKeyInfo(fromBase64(spki));
  if (!CA_KEY_TYPES.includes(keyType) || keyTypeOf(publicKey) !== keyType)
    throw tampered(`the issuing CA's key is no ${keyType} key of a CA`);
  if (equalBytes(publicKey.der, own.publicKey.der)) throw tampered("the issuing CA's key is the root's");
  if (sealed.domain !== 'daily') throw tampered("the issuing CA's key is in another domain");
}

function checkNames({ domains, permitIp }: NewCa): void {
  if (domains.length === 0) throw tampered('no domain is permitted');
  domains.forEach(checkDomain);
  const wrong = permitIp.find((cidr) => parseCidr(cidr) === undefined);
  if (wrong !== undefined) throw tampered(`${JSON.stringify(wrong)} is no address range`);
  for (const list of [domains, permitIp]) if (new Set(list).size < list.length) throw tampered('a name is there twice');
}
