/** A store with as many certificates as a row wants, written in one go: as CertMate leaves it, but without its fsyncs. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FIRST_GENERATION, snapshotName } from '../src/store/journal-reading.js';
import { Layout } from '../src/store/layout.js';
import { formatMetadata, parseMetadata } from '../src/store/metadata.js';
import { writeSnapshot } from '../src/store/snapshot.js';
import type { CertificateRecord } from '../src/types.js';
import { request, startCertMate } from './certmate.js';
import { ask } from './load.js';

const ORGANIZATIONS = ['ACME Corp', 'Globex', 'Initech', 'Umbrella', 'Hooli', 'Stark Industries', 'Wayne Enterprises'];
const USAGES = ['api-mtls', 'vpn', 'devices'];
const DAY = 86_400_000;

export interface Filling {
  count: number;
  /** The first so many are revoked. */
  revoked?: number;
}

/** Makes a CA in `folder` and fills its store. @returns the records */
export async function fillStore(folder: string, { count, revoked = 0 }: Filling): Promise<CertificateRecord[]> {
  const certmate = await startCertMate(folder);
  const body = JSON.stringify({ common_name: 'template', csr: certmate.csr });
  const headers = { authorization: `Bearer ${certmate.token}`, 'content-type': 'application/json' };
  const { identifier, cert_usage } = JSON.parse(
    String(await ask(certmate.port, request('POST', '/api/client-certs', headers, body))),
  );
  await certmate.stop();

  const layout = new Layout(join(folder, 'data'));
  const template = layout.certificate({ cert_usage, identifier });
  const pattern = parseMetadata(readFileSync(join(template, 'metadata.json'), 'utf8'));
  const [certificate, csr] = ['cert.crt', 'cert.csr'].map((name) => readFileSync(join(template, name)));
  const now = new Date();
  const records = [pattern];
  for (const usage of USAGES) mkdirSync(layout.usage(usage), { recursive: true, mode: 0o700 });
  for (let number = 0; number < count; number += 1) {
    const record = recordLike(pattern, number, number < revoked, now);
    records.push(record);
    const directory = layout.certificate(record);
    mkdirSync(directory, { mode: 0o700 });
    writeFileSync(join(directory, 'cert.crt'), certificate as Buffer);
    writeFileSync(join(directory, 'cert.csr'), csr as Buffer);
    writeFileSync(join(directory, 'metadata.json'), formatMetadata(record, now));
  }
  await writeSnapshot(join(layout.journal, snapshotName(FIRST_GENERATION + 1)), records);
  return records;
}

function recordLike(pattern: CertificateRecord, number: number, isRevoked: boolean, now: Date): CertificateRecord {
  const name = `user-${number.toString(36)}`;
  const time = (offset: number) => `${new Date(now.getTime() + offset).toISOString().slice(0, 19)}Z`;
  return {
    ...pattern,
    identifier: `${name}-${(number * 2_654_435_761).toString(16).slice(-8)}`,
    common_name: `${name}@example.com`,
    email: `${name}@example.com`,
    organization: ORGANIZATIONS[number % ORGANIZATIONS.length] as string,
    subject_alt_names: [`email:${name}@example.com`],
    serial_number: ((1n << 126n) + BigInt(number) * 0x9e37_79b9_7f4a_7c15n).toString(),
    cert_usage: USAGES[number % USAGES.length] as string,
    created_at: time(-(number % 300) * DAY - number),
    expires_at: time((65 + (number % 300)) * DAY),
    revocation: isRevoked
      ? {
          revoked: true,
          revoked_at: time(-DAY),
          reason_revoked: number % 3 === 0 ? 'keyCompromise' : 'superseded',
          invalidity_date: null,
        }
      : pattern.revocation,
  };
}
