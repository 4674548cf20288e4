/** Finds what a CSR asks for and the certificate does not carry. */
import type { Dropped } from '../../dropped-from-csr.js';
import { CertMateError } from '../../errors.js';
import { readCertificate } from '../../pki/certificate.js';
import { DerError } from '../../pki/der.js';
import {
  decodeGeneralNames,
  formatGeneralName,
  type GeneralName,
  normaliseGeneralName,
} from '../../pki/general-names.js';
import { decodeNameAsFound, type NameAttribute } from '../../pki/names.js';
import { OID } from '../../pki/oids.js';
import { decodePem } from '../../pki/pem.js';
import { takeApart, type UnjudgedRequest } from '../../pki/request.js';
import { nameOfOid } from './oid-names.js';
import { tidied } from './subject.js';

/** Compares a request with what is certified for it. */
export function droppedOf(
  request: UnjudgedRequest,
  certified: { attributes: readonly NameAttribute[]; names: readonly GeneralName[] },
): Dropped {
  return {
    extensions: request.extensions
      .filter(({ oid }) => oid !== OID.subjectAltName)
      .map(({ oid, critical }) => ({ oid, name: nameOfOid(oid), critical })),
    attributes: request.otherAttributes.map((oid) => ({ oid, name: nameOfOid(oid) })),
    subject_alt_names: droppedNames(request, certified.names),
    subject: request.subject
      .filter((attribute) => !isCertified(attribute, certified))
      .map(({ type, value }) => ({ type, value })),
  };
}

/** The same for a CSR and the certificate that was issued for it, both in PEM. */
export function droppedFrom(csr: string, certificate: string): Dropped {
  const [der = Buffer.alloc(0)] = decodePem(certificate, ['CERTIFICATE']);
  const { subject, subjectAltNames } = readCertificate(der);
  return droppedOf(takeApart(csr), { attributes: decodeNameAsFound(subject), names: subjectAltNames });
}

function droppedNames({ extensions }: UnjudgedRequest, certified: readonly GeneralName[]): string[] {
  const extension = extensions.find(({ oid }) => oid === OID.subjectAltName);
  if (extension === undefined) return [];
  const kept = new Set(certified.map(formatGeneralName));
  try {
    const { names, other } = decodeGeneralNames(extension.value);
    return [...other, ...names.map(normalText).filter((text) => !kept.has(text))];
  } catch (error) {
    if (error instanceof DerError) return ['unknown'];
    throw error;
  }
}

function normalText(name: GeneralName): string {
  try {
    return formatGeneralName(normaliseGeneralName(name, true));
  } catch (error) {
    if (error instanceof CertMateError) return formatGeneralName(name);
    throw error;
  }
}

/** An e-mail address becomes an alternative name. */
function isCertified(
  attribute: NameAttribute,
  { attributes, names }: { attributes: readonly NameAttribute[]; names: readonly GeneralName[] },
): boolean {
  const { type, value } = tidied(attribute) ?? attribute;
  if (type === 'emailAddress')
    return names.some((name) => name.kind === 'email' && name.value.toLowerCase() === value.toLowerCase());
  return attributes.some((other) => other.type === type && other.value === value);
}
