/** A record made out of a certificate and the last CRL, for when its metadata.json is damaged and no journal knows it. */
import { type KnownRevocations, recordOf, replacedBy } from '../../certificate-record.js';
import { timestamp } from '../../clock.js';
import { type Certificate, readCertificate } from '../../pki/certificate.js';
import { decodePem } from '../../pki/pem.js';
import type { Reconstruct } from '../../store/remains.js';

/**
 * Renewal by itself is off in such a record: whether it was on is not known, and somebody should look at it first.
 * @param revocations read when the first record has to be made: usually never
 */
export function reconstruction(revocations: () => Promise<KnownRevocations>): Reconstruct {
  let known: Promise<KnownRevocations> | null = null;
  return async ({ place, certificate, replaced, hasPrivateKey }) => {
    known ??= revocations();
    const last = await known;
    const current = read(certificate);
    const line = [...replaced.map(read), current]
      .filter(({ serial }, index, all) => all.findIndex((other) => other.serial === serial) === index)
      .filter(({ serial }) => serial !== current.serial)
      .sort((a, b) => a.notBefore.getTime() - b.notBefore.getTime());
    return recordOf(current, {
      ...place,
      created_at: timestamp((line[0] ?? current).notBefore),
      has_private_key: hasPrivateKey,
      revocation: last.get(current.serial),
      renewal_enabled: false,
      history: line.map((old, index) => replacedBy(old, line[index + 1] ?? current, last.get(old.serial))),
    });
  };
}

function read(pem: string): Certificate {
  try {
    const [der = Buffer.alloc(0)] = decodePem(pem, ['CERTIFICATE']);
    return readCertificate(der);
  } catch (cause) {
    throw new Error('it is damaged', { cause });
  }
}
