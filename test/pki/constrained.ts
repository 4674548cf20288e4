/** CAs with limits of any kind, made by our own builder. */
import { createPublicKey, type KeyObject, randomBytes } from 'node:crypto';
import { localSigner } from '../../src/crypto/file-signer.js';
import { assembleSigned, buildTbsCertificate } from '../../src/pki/certificate.js';
import * as der from '../../src/pki/der.js';
import * as extension from '../../src/pki/extensions.js';
import { encodeGeneralName, parseGeneralName } from '../../src/pki/general-names.js';
import { keyIdentifier } from '../../src/pki/keys.js';
import { encodeName, parseDistinguishedName } from '../../src/pki/names.js';
import { OID } from '../../src/pki/oids.js';
import { newSerial } from '../../src/pki/serial.js';
import { keyFor } from './authority.js';

export interface Made {
  key: KeyObject;
  subject: string;
  der: Buffer;
}

const DAY = 86_400_000;

/** A CA, self-signed unless it has an issuer. Days are from now. */
export async function makeCa(
  subject: string,
  {
    issuer,
    from = -1,
    to = 1000,
    pathLength,
    keyUsage = ['keyCertSign', 'cRLSign'],
    identified = true,
    more = [],
    key = keyFor('ecdsa-sha256'),
  }: {
    issuer?: Made;
    from?: number;
    to?: number;
    pathLength?: number;
    keyUsage?: extension.KeyUsage[];
    identified?: boolean;
    more?: extension.Extension[];
    key?: KeyObject;
  } = {},
): Promise<Made> {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return signed(subject, issuer ?? { key, subject, der: Buffer.alloc(0) }, key, from, to, [
    extension.basicConstraints({ ca: true, pathLength }),
    extension.keyUsage(keyUsage),
    ...(identified ? [extension.subjectKeyIdentifier(keyIdentifier(spki))] : []),
    ...more,
  ]);
}

/** A leaf with these names (GeneralNames in DER) and purposes, whatever its CA allows. */
export async function makeLeaf(
  subject: string,
  issuer: Made,
  names: readonly Buffer[],
  purposes: readonly string[] = ['clientAuth'],
): Promise<Made> {
  return signed(subject, issuer, keyFor('ecdsa-sha256'), -1, 20, [
    extension.basicConstraints({ ca: false }),
    extension.keyUsage(['digitalSignature']),
    extension.extendedKeyUsage(purposes),
    ...(names.length === 0
      ? []
      : [{ oid: OID.subjectAltName, critical: subject === '', value: der.sequence(...names) }]),
  ]);
}

async function signed(
  subject: string,
  issuer: Made,
  key: KeyObject,
  from: number,
  to: number,
  extensions: extension.Extension[],
): Promise<Made> {
  const signer = localSigner(issuer.key);
  const nameOf = (text: string) => encodeName(text === '' ? [] : parseDistinguishedName(text));
  const tbs = buildTbsCertificate({
    serial: newSerial(randomBytes(16)),
    issuer: nameOf(issuer.subject),
    subject: nameOf(subject),
    notBefore: new Date(Date.now() + from * DAY),
    notAfter: new Date(Date.now() + to * DAY),
    subjectPublicKeyInfo: createPublicKey(key).export({ type: 'spki', format: 'der' }),
    extensions,
    scheme: signer.scheme,
  });
  return { key, subject, der: assembleSigned(tbs, signer.scheme, await signer.sign(tbs)) };
}

/** Each base as `dns:.example.com`, `email:example.com`, `uri:…`, `ip:192.0.2.0/255.255.255.0`, `dirname:O=ACME`, `rid:…`. */
export function nameConstraints({
  permitted = [],
  excluded = [],
  critical = true,
}: {
  permitted?: readonly string[];
  excluded?: readonly string[];
  critical?: boolean;
}): extension.Extension {
  const subtrees = (tag: number, bases: readonly string[]): Buffer[] =>
    bases.length === 0 ? [] : [der.contextConstructed(tag, ...bases.map((base) => der.sequence(baseOf(base))))];
  const value = der.sequence(...subtrees(0, permitted), ...subtrees(1, excluded));
  return { oid: OID.nameConstraints, critical, value };
}

function baseOf(text: string): Buffer {
  const colon = text.indexOf(':');
  const [kind, value] = [text.slice(0, colon), text.slice(colon + 1)];
  if (kind === 'ip') {
    const octets = value.split('/').map((part) => encodeGeneralName(parseGeneralName(`ip:${part}`)).subarray(2));
    return der.contextPrimitive(7, Buffer.concat(octets));
  }
  if (kind === 'dirname' || kind === 'rid') return nameOf(text);
  return der.contextPrimitive({ email: 1, dns: 2, uri: 6 }[kind] as number, Buffer.from(value));
}

/** A GeneralName in DER, also of kinds that are not issued and in forms that are refused. */
export function nameOf(text: string): Buffer {
  const colon = text.indexOf(':');
  const [kind, value] = [text.slice(0, colon), text.slice(colon + 1)];
  if (kind === 'dirname') return der.contextExplicit(4, encodeName(value === '' ? [] : parseDistinguishedName(value)));
  if (kind === 'rid') return der.contextPrimitive(8, der.objectIdentifier(value).subarray(2));
  return encodeGeneralName(parseGeneralName(text));
}
