/**
 * What whoever runs the service watches: the state of everything, as numbers at `/metrics`. Numbers that come into being while
 * something happens, such as durations, are the business of the modules in which it does; here is what can be read at any
 * time. Nothing here walks through all certificates, and no label has more values than a dashboard can bear.
 */
import plugin from 'fastify-plugin';
import { whenSigned } from '../../clock.js';
import { version } from '../../config.js';
import { freeBytes } from '../../store/space.js';
import { bounded } from './bounded.js';
import { ChangeCounts } from './change-counts.js';

const DAY_MS = 24 * 60 * 60 * 1000;
const WITHIN_DAYS = [7, 30, 90] as const;
/** Usages beyond these are counted together. */
const MOST_USAGES = 20;

export const monitoring = plugin(
  async (app) => {
    const { auditTrail, authority, clock, config, crl, denied, health, keys, lastBackup, metrics, ocsp, renewals } =
      app;
    const { refusedCalls, scheduler, store, tls } = app;
    const { inventory } = store;
    const secondsUntil = (moment: Date) => (moment.getTime() - clock.now().getTime()) / 1000;
    const seconds = (moment: Date) => moment.getTime() / 1000;

    metrics.gauge(
      'certmate_build_info',
      'Always 1; the labels tell what runs.',
      () => [{ labels: { version, node: process.version }, value: 1 }],
      ['version', 'node'],
    );
    metrics.gauge(
      'certmate_health_check',
      'Each check of /health: 1 if it is well, 0 if not.',
      async () =>
        Object.entries((await health.report()).checks).map(([check, { ok }]) => ({
          labels: { check },
          value: Number(ok),
        })),
      ['check'],
    );

    metrics.gauge(
      'certmate_certificates_by_usage',
      `Certificates by usage, deleted ones left out; those beyond the ${MOST_USAGES} commonest usages are "_other".`,
      () => {
        const { total } = inventory.statusCounts(clock.now());
        return bounded('usage', inventory.tally('usage'), inventory.commonest('usage', MOST_USAGES), total);
      },
      ['usage'],
    );
    metrics.gauge(
      'certmate_certificates_by_key_algorithm',
      'Certificates by the algorithm of their key, deleted ones left out.',
      () => [...inventory.tally('key_algorithm')].map(([algorithm, value]) => ({ labels: { algorithm }, value })),
      ['algorithm'],
    );
    metrics.gauge(
      'certmate_certificates_expiring',
      'Valid certificates that expire within so many days.',
      () => {
        const now = clock.now().getTime();
        return WITHIN_DAYS.map((days) => {
          const [value = 0] = inventory.expiries([new Date(now), new Date(now + days * DAY_MS + 1)]);
          return { labels: { within_days: String(days) }, value };
        });
      },
      ['within_days'],
    );
    const changes = new ChangeCounts();
    store.subscribe((record, previous) => changes.note(record, previous));
    metrics.counter(
      'certmate_certificates_issued_total',
      'Certificates issued, renewals left out.',
      () => changes.issued,
    );
    metrics.counter('certmate_certificates_renewed_total', 'Certificates renewed.', () => changes.renewed);
    metrics.counter('certmate_certificates_deleted_total', 'Certificates deleted.', () => changes.deleted);
    metrics.counter(
      'certmate_certificates_revoked_total',
      'Certificates revoked or put on hold, by reason.',
      () => changes.revoked(),
      ['reason'],
    );

    metrics.gauge('certmate_ca_certificate_seconds_to_expiry', 'Seconds until the certificate of the CA expires.', () =>
      secondsUntil(authority.certificate.notAfter),
    );
    metrics.gauge(
      'certmate_crl_age_seconds',
      'Seconds since the CRL was published.',
      () => -secondsUntil(whenSigned(crl.current.thisUpdate)),
    );
    metrics.gauge(
      'certmate_crl_lifetime_seconds',
      'Seconds from the publication of the CRL to its end.',
      () => seconds(crl.current.nextUpdate) - seconds(whenSigned(crl.current.thisUpdate)),
    );
    metrics.gauge('certmate_crl_entries', 'Serial numbers on the CRL.', () => crl.current.count);
    metrics.gauge('certmate_crl_size_bytes', 'Size of the CRL in DER.', () => crl.current.size);
    metrics.gauge(
      'certmate_ocsp_responder_seconds_to_expiry',
      'Seconds until the certificate of the OCSP responder expires; it is replaced well before.',
      () => secondsUntil(ocsp.delegate.notAfter),
    );
    metrics.gauge(
      'certmate_tls_certificate_seconds_to_expiry',
      'Seconds until the certificate expires with which this server speaks TLS; none where it speaks plain HTTP.',
      () => (tls === null ? [] : secondsUntil(tls.current.notAfter)),
    );
    metrics.gauge('certmate_ocsp_kept_answers', 'OCSP answers that are kept for the next caller.', () => ocsp.kept);

    metrics.gauge(
      'certmate_keys_ready',
      'Keys made ahead, by type.',
      () => [...keys.stock()].map(([type, value]) => ({ labels: { key_type: type }, value })),
      ['key_type'],
    );
    metrics.gauge(
      'certmate_keys_waiting',
      'Requests for keys that nobody works on yet: RSA keys, and those that are quick to make.',
      () => Object.entries(keys.waiting).map(([lane, value]) => ({ labels: { lane }, value })),
      ['lane'],
    );
    metrics.counter(
      'certmate_keys_made_total',
      'Keys made, by type.',
      () => [...keys.made].map(([type, value]) => ({ labels: { key_type: type }, value })),
      ['key_type'],
    );

    metrics.gauge(
      'certmate_journal_size_bytes',
      'Size of the journal with its snapshot, which a start reads.',
      () => store.journalBytes,
    );
    metrics.gauge(
      'certmate_store_problems',
      'Files that are damaged or missing; the log names each.',
      () => store.problems().length,
    );
    metrics.gauge(
      'certmate_disk_free_bytes',
      'Room that is left for the data and for the logs.',
      async () => [
        { labels: { folder: 'data' }, value: await freeBytes(config.dataDir) },
        { labels: { folder: 'logs' }, value: await freeBytes(config.logDir) },
      ],
      ['folder'],
    );

    metrics.counter(
      'certmate_audit_lines_total',
      'Lines written to the audit log, by operation and status.',
      () =>
        [...auditTrail.counts.values()].map(({ operation, status, count }) => ({
          labels: { operation, status },
          value: count,
        })),
      ['operation', 'status'],
    );
    metrics.counter(
      'certmate_audit_failures_total',
      'Lines that could not be written to the audit log.',
      () => auditTrail.failures,
    );
    metrics.gauge('certmate_audit_last_line', 'Number of the last line of the audit log.', () => auditTrail.head.seq);
    metrics.gauge(
      'certmate_audit_checkpoint_line',
      'Number of the last line of the audit log that a signed checkpoint covers; there is one every 100 lines.',
      () => auditTrail.covered,
    );
    metrics.gauge(
      'certmate_audit_intact',
      '1 as long as nothing is known to be wrong with the audit log, else 0.',
      () => Number(auditTrail.problem === null),
    );
    metrics.gauge('certmate_audit_verified_timestamp_seconds', 'When the whole audit log was verified last.', () =>
      auditTrail.verified === null ? [] : seconds(new Date(auditTrail.verified.at)),
    );

    metrics.counter(
      'certmate_rate_limit_refusals_total',
      'Calls refused for coming too often, by class; the ceiling is for each address over all classes.',
      () => Object.entries(refusedCalls).map(([limit, value]) => ({ labels: { class: limit }, value })),
      ['class'],
    );
    metrics.counter(
      'certmate_denied_calls_total',
      'Calls to something that the caller may not do, or without credentials; attempts to sign in while locked out.',
      () => [...denied].map(([operation, value]) => ({ labels: { operation }, value })),
      ['operation'],
    );
    metrics.counter(
      'certmate_login_failures_total',
      'Attempts to sign in with a wrong name, password or token.',
      () => auditTrail.counts.get('login failure')?.count ?? 0,
    );

    const sweep = () => renewals.runs[0];
    metrics.gauge('certmate_renewal_sweep_timestamp_seconds', 'When the last renewal sweep ended.', () => {
      const last = sweep();
      return last === undefined ? [] : seconds(new Date(last.finished_at));
    });
    metrics.gauge(
      'certmate_renewal_sweep_certificates',
      'What became of certificates in the last renewal sweep.',
      () => Object.entries(sweep()?.totals ?? {}).map(([outcome, value]) => ({ labels: { outcome }, value })),
      ['outcome'],
    );
    metrics.gauge(
      'certmate_task_next_run_timestamp_seconds',
      'When each scheduled task runs next; none where it is switched off.',
      () =>
        scheduler.tasks.flatMap(({ name, next }) =>
          next === null ? [] : [{ labels: { task: name }, value: seconds(next) }],
        ),
      ['task'],
    );
    metrics.gauge(
      'certmate_task_failing',
      '1 for each scheduled task that failed last time, or will never run again.',
      () => scheduler.tasks.map(({ name, ailing }) => ({ labels: { task: name }, value: Number(ailing) })),
      ['task'],
    );
    metrics.gauge('certmate_backup_timestamp_seconds', 'When a backup was completed last by a running server.', () =>
      lastBackup.at === null ? [] : seconds(lastBackup.at),
    );
  },
  {
    name: 'monitoring',
    fastify: '5.x',
    dependencies: [
      'foundation',
      'health',
      'metrics',
      'audit',
      'ca',
      'crl',
      'ocsp',
      'backup',
      'renewal',
      'rate-limit',
      'tls',
    ],
  },
);
