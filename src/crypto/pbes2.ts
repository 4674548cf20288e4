/** Encrypted private keys as PKCS #8 writes them (RFC 5958 §3), under PBES2 (RFC 8018 §6.2), put together by hand. */

/** One label of PEM (RFC 7468 §11). */
const LABEL = 'ENCRYPTED PRIVATE KEY';

/** EncryptedPrivateKeyInfo in PEM. @param algorithm see `pbes2` */
export function encryptedKeyPem(algorithm: Buffer, encrypted: Buffer): string {
  const lines = sequence(algorithm, octetString(encrypted))
    .toString('base64')
    .replace(/.{1,64}/g, '$&\n');
  return `-----BEGIN ${LABEL}-----\n${lines}-----END ${LABEL}-----\n`;
}

/** AlgorithmIdentifier of PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC (RFC 8018 §A.4, §B.1.2, §B.2.5). */
export function pbes2(salt: Buffer, iv: Buffer, rounds: number): Buffer {
  const count = Buffer.alloc(3);
  count.writeUIntBE(rounds, 0, 3);
  const hmacWithSha256 = sequence(tlv(0x06, Buffer.from('2a864886f70d0209', 'hex')), tlv(0x05));
  const pbkdf2 = sequence(
    tlv(0x06, Buffer.from('2a864886f70d01050c', 'hex')),
    sequence(octetString(salt), tlv(0x02, count), hmacWithSha256),
  );
  const aes256Cbc = sequence(tlv(0x06, Buffer.from('60864801650304012a', 'hex')), octetString(iv));
  return sequence(tlv(0x06, Buffer.from('2a864886f70d01050d', 'hex')), sequence(pbkdf2, aes256Cbc));
}

function sequence(...items: Buffer[]): Buffer {
  return tlv(0x30, ...items);
}

function octetString(content: Buffer): Buffer {
  return tlv(0x04, content);
}

function tlv(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const length =
    content.length < 0x80
      ? [content.length]
      : content.length < 0x100
        ? [0x81, content.length]
        : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}
