/** PKCS #12 under PBES2 (RFC 8018 §6.2: PBKDF2 with HMAC-SHA-256, AES-256-CBC) and a SHA-256 MAC (RFC 7292 appendix B). */
import { Null, OctetString } from 'asn1js';
import {
  AlgorithmIdentifier,
  type ContentEncryptionAlgorithm,
  ContentInfo,
  DigestInfo,
  getCrypto,
  id_sha256,
  MacData,
} from 'pkijs';
import { arrayBuffer, type Protection, ROUNDS_OF_GENERATED } from './pkcs12-protection.js';

/** For each of two keys and the MAC, the cheapest of which is what a guess costs. .NET takes 600 000 in all (KB5025823). */
const ITERATIONS = { person: 100_000, generator: ROUNDS_OF_GENERATED } as const;

const SALT_OCTETS = 16;

export const modern: Protection = {
  async encrypt(plain, password, origin) {
    const encrypted = await getCrypto(true).encryptEncryptedContentInfo({
      password: ascii(password),
      // Its type asks for an iv too, but the library makes one itself.
      contentEncryptionAlgorithm: { name: 'AES-CBC', length: 256 } as ContentEncryptionAlgorithm,
      hmacHashAlgorithm: 'SHA-256',
      iterationCount: ITERATIONS[origin],
      contentToEncrypt: arrayBuffer(plain),
      contentType: ContentInfo.DATA,
    });
    return { algorithm: encrypted.contentEncryptionAlgorithm, octets: encrypted.getEncryptedContent() };
  },

  async authenticate(contents, password, origin) {
    const crypto = getCrypto(true);
    const salt = crypto.getRandomValues(new Uint8Array(SALT_OCTETS)).buffer;
    const digest = await crypto.stampDataWithPassword({
      password: ascii(password),
      hashAlgorithm: 'SHA-256',
      salt,
      iterationCount: ITERATIONS[origin],
      contentToStamp: arrayBuffer(contents),
    });
    return new MacData({
      mac: new DigestInfo({
        digestAlgorithm: new AlgorithmIdentifier({ algorithmId: id_sha256, algorithmParams: new Null() }),
        digest: new OctetString({ valueHex: digest }),
      }),
      macSalt: new OctetString({ valueHex: salt }),
      iterations: ITERATIONS[origin],
    });
  },
};

/** The library makes a BMPString of it for the MAC by itself. */
function ascii(password: string): ArrayBuffer {
  return arrayBuffer(Buffer.from(password, 'latin1'));
}
