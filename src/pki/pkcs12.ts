/** PKCS #12 (RFC 7292): a private key, its certificate and the chain above it in one file, under a password. */
import { hash } from 'node:crypto';
import { type BaseBlock, BmpString, OctetString } from 'asn1js';
import {
  Attribute,
  AuthenticatedSafe,
  CertBag,
  ContentInfo,
  EncryptedContentInfo,
  EncryptedData,
  id_CertBag_X509Certificate,
  PFX,
  PKCS8ShroudedKeyBag,
  SafeBag,
  SafeContents,
} from 'pkijs';
import { OID } from './oids.js';
import { compat } from './pkcs12-compat.js';
import { modern } from './pkcs12-modern.js';
import {
  arrayBuffer,
  assertFriendlyName,
  assertPkcs12Password,
  type Encrypted,
  type PasswordOrigin,
  type Pkcs12Profile,
  type Protection,
} from './pkcs12-protection.js';

const PROTECTIONS: Record<Pkcs12Profile, Protection> = { modern, compat };

export interface Pkcs12Contents {
  /** PrivateKeyInfo in DER (RFC 5958): RSA, EC or Ed25519. */
  privateKey: Uint8Array;
  /** The certificate of that key, in DER. */
  certificate: Uint8Array;
  /** The certificates above it, nearest first, in DER. */
  chain: readonly Uint8Array[];
  /** What programs list the key under. */
  friendlyName: string;
}

/**
 * Builds the file. Deriving its keys from a person's password takes some hundred milliseconds of CPU time, so it belongs into
 * a worker thread.
 * Key and certificate share a localKeyID and the name; the key and all certificates are encrypted, everything is
 * authenticated.
 * @returns PFX in DER
 * @throws CertMateError VALIDATION_FAILED for a password or name that not every program takes
 */
export async function buildPkcs12(
  contents: Pkcs12Contents,
  password: string,
  profile: Pkcs12Profile,
  origin: PasswordOrigin = 'person',
): Promise<Buffer> {
  assertPkcs12Password(password);
  assertFriendlyName(contents.friendlyName);
  const protection = PROTECTIONS[profile];
  const attributes = bagAttributes(contents);
  const certificates = [
    certificateBag(contents.certificate, attributes),
    ...contents.chain.map((certificate) => certificateBag(certificate)),
  ];
  const key = await protection.encrypt(contents.privateKey, password, origin);
  const keyBag = new SafeBag({
    bagId: OID.pkcs8ShroudedKeyBag,
    bagValue: new PKCS8ShroudedKeyBag({
      encryptionAlgorithm: key.algorithm,
      encryptedData: new OctetString({ valueHex: key.octets }),
    }),
    bagAttributes: attributes,
  });
  const safe = new AuthenticatedSafe({
    safeContents: [
      await encryptedContents(certificates, (plain) => protection.encrypt(plain, password, origin)),
      dataContents(new SafeContents({ safeBags: [keyBag] }).toSchema()),
    ],
  }).toSchema();
  const macData = await protection.authenticate(encode(safe), password, origin);
  return encode(new PFX({ version: 3, authSafe: dataContents(safe), macData }).toSchema());
}

function certificateBag(certificate: Uint8Array, attributes?: Attribute[]): SafeBag {
  const certValue = new OctetString({ valueHex: arrayBuffer(certificate) });
  return new SafeBag({
    bagId: OID.certBag,
    bagValue: new CertBag({ certId: id_CertBag_X509Certificate, certValue }),
    ...(attributes && { bagAttributes: attributes }),
  });
}

/** What ties key and certificate together; the certificate's SHA-1 is what OpenSSL puts there. In DER's order of a SET. */
function bagAttributes({ certificate, friendlyName }: Pkcs12Contents): Attribute[] {
  const localKeyId = arrayBuffer(hash('sha1', certificate, 'buffer'));
  return [
    new Attribute({ type: OID.friendlyName, values: [new BmpString({ value: friendlyName })] }),
    new Attribute({ type: OID.localKeyId, values: [new OctetString({ valueHex: localKeyId })] }),
  ].toSorted((a, b) => Buffer.compare(encode(a.toSchema()), encode(b.toSchema())));
}

async function encryptedContents(safeBags: SafeBag[], encrypt: (plain: Buffer) => Promise<Encrypted>) {
  const { algorithm, octets } = await encrypt(encode(new SafeContents({ safeBags }).toSchema()));
  const encryptedContentInfo = new EncryptedContentInfo({
    contentType: ContentInfo.DATA,
    contentEncryptionAlgorithm: algorithm,
    encryptedContent: new OctetString({ valueHex: octets }),
    // Otherwise it is BER, cut into pieces.
    disableSplit: true,
  });
  return new ContentInfo({
    contentType: ContentInfo.ENCRYPTED_DATA,
    content: new EncryptedData({ encryptedContentInfo }).toSchema(),
  });
}

function dataContents(value: BaseBlock): ContentInfo {
  return new ContentInfo({
    contentType: ContentInfo.DATA,
    content: new OctetString({ valueHex: arrayBuffer(encode(value)) }),
  });
}

function encode(value: BaseBlock): Buffer {
  return Buffer.from(value.toBER());
}
