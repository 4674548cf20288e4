import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RelyingParties } from '../../../src/modules/rate-limit/relying-parties.js';

test('a refused server is named in the log once a minute, and in /health for a quarter of an hour', () => {
  let now = 0;
  const warned: object[] = [];
  const told: string[] = [];
  const refused = { ocsp_der: 0, ocsp_signed: 0, crl_download: 0 };
  const servers = new RelyingParties({
    limits: { ocsp_der: 1, ocsp_signed: 1, crl_download: 1 },
    refused,
    exempt: [],
    now: () => now,
    log: { warn: (details) => warned.push(details) },
    onFirstRefusal: () => told.push('told'),
  });
  for (let n = 0; n < 5; n += 1) servers.count('192.0.2.1', 'ocsp_der');
  assert.deepEqual(warned, [{ address: '192.0.2.1', limit: 'ocsp_der' }]);
  assert.equal(refused.ocsp_der, 4);
  now += 14 * 60_000;
  assert.equal(servers.check().ok, false);
  now += 2 * 60_000;
  assert.equal(servers.check().ok, true);
  servers.count('192.0.2.1', 'crl_download');
  servers.count('192.0.2.1', 'crl_download');
  assert.equal(warned.length, 2);
  assert.deepEqual(told, ['told']);
});
