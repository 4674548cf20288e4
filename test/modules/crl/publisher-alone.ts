// A publisher without a server: its CA, its records and its clock are the test's.
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { CertificateAuthority } from '../../../src/modules/ca/authority.js';
import { createAuthority } from '../../../src/modules/ca/establish.js';
import { CrlPublisher, type PublisherParts } from '../../../src/modules/crl/publisher.js';
import { statesOf } from '../../../src/modules/crl/serial-states.js';
import { readCrl } from '../../../src/pki/crl.js';
import { decodePem } from '../../../src/pki/pem.js';
import { Folder } from '../../../src/store/folder.js';
import type { CertificateRecord, Serial } from '../../../src/types.js';
import { MovedClock } from '../../build.js';
import { NOW, recordingLog, revoked, sampleRecord, temporaryDirectory } from '../../store/records.js';

export class Alone {
  readonly parts: PublisherParts;
  readonly authority: CertificateAuthority;
  readonly root: string;
  readonly clock: MovedClock;
  readonly log: ReturnType<typeof recordingLog>;
  /** What a store would hold. */
  readonly records = new Map<string, CertificateRecord>();

  private constructor(root: string, clock: MovedClock, authority: CertificateAuthority, hours: number) {
    this.root = root;
    this.clock = clock;
    this.log = recordingLog();
    this.authority = authority;
    const { subjectText, certificate, signer } = authority;
    this.parts = {
      authority: { subjectText, certificate, signer, signCertList: (request) => authority.signCertList(request) },
      revocations: () =>
        [...this.records.values()].flatMap((record) =>
          statesOf(record).flatMap((state) => {
            const { revoked_at, reason } = state;
            return revoked_at === null ? [] : [{ ...state, revoked_at, reason: reason ?? 'unspecified' }];
          }),
        ),
      isKnown: (serial) => [...this.records.values()].some(({ serial_number }) => serial_number === serial),
      crlFolder: new Folder(join(root, 'crl')),
      caFolder: new Folder(join(root, 'ca')),
      clock,
      log: this.log,
      hours,
    };
  }

  static async begin(
    t: TestContext,
    {
      hours = 168,
      days = 3650,
      subject = 'CN=Alone',
      key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
    } = {},
  ): Promise<Alone> {
    const root = await temporaryDirectory(t);
    const clock = new MovedClock(NOW);
    const options = { subject, keyType: 'ec-p256', days } as const;
    const authority = await createAuthority(new Folder(join(root, 'ca')), options, key, null, clock.now());
    return new Alone(root, clock, authority, hours);
  }

  open(): Promise<CrlPublisher> {
    return CrlPublisher.open(this.parts);
  }

  /** Changes a record as the store would, and tells the publisher. */
  change(publisher: CrlPublisher, record: CertificateRecord): void {
    const before = this.records.get(record.identifier) ?? null;
    this.records.set(record.identifier, record);
    publisher.note(record, before);
  }

  /** Revokes certificate `n`; gives its serial number. */
  revoke(publisher: CrlPublisher, n: number, changes: Partial<CertificateRecord> = {}): Serial {
    const record = revoked(sampleRecord(n, changes));
    this.change(publisher, record);
    return record.serial_number;
  }

  /** The CRLs on disk: the numbered ones, and the one in PEM; those that are no CRL are left out. */
  async stored(): Promise<{ numbered: Map<bigint, Buffer>; pem: Buffer | null }> {
    const numbered = new Map<bigint, Buffer>();
    for (const name of await this.parts.crlFolder.list()) {
      const number = /^crl-(\d+)\.der$/.exec(name)?.[1];
      if (number !== undefined) numbered.set(BigInt(number), (await this.parts.crlFolder.read(name)) as Buffer);
    }
    const pem = await this.parts.caFolder.read('crl.pem');
    return { numbered, pem: pem === null ? null : (decodePem(pem.toString('latin1'), ['X509 CRL'])[0] as Buffer) };
  }
}

export const serialsOf = (der: Buffer): Serial[] => Array.from(readCrl(der).entries, ({ serial }) => serial);
