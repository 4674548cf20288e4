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

test('a server is told of to the very moment, and one that is not limited is neither counted nor full', () => {
  let now = 0;
  const warned: object[] = [];
  const servers = new RelyingParties({
    limits: { ocsp_der: 1, ocsp_signed: 1, crl_download: 1 },
    refused: { ocsp_der: 0, ocsp_signed: 0, crl_download: 0 },
    exempt: ['198.51.100.0/24'],
    now: () => now,
    log: { warn: (details) => warned.push(details) },
    onFirstRefusal: () => undefined,
  });
  assert.equal(servers.isFull('192.0.2.1', 'ocsp_der'), false);
  assert.equal(servers.count('192.0.2.1', 'ocsp_der')?.exceeded, false);
  assert.equal(servers.isFull('192.0.2.1', 'ocsp_der'), true);
  assert.equal(servers.isFull('192.0.2.1', 'ocsp_signed'), false, 'each class for itself');
  assert.equal(servers.check().ok, true);
  assert.equal(servers.count('192.0.2.1', 'ocsp_der')?.exceeded, true);
  now = 59_999;
  servers.count('192.0.2.1', 'ocsp_der');
  assert.equal(warned.length, 1);
  now = 60_001;
  servers.count('192.0.2.1', 'crl_download');
  servers.count('192.0.2.1', 'crl_download');
  assert.equal(warned.length, 2);
  now += 15 * 60_000;
  assert.equal(servers.check().ok, false);
  now += 1;
  assert.equal(servers.check().ok, true);
  for (let n = 0; n < 3; n += 1) assert.equal(servers.count('198.51.100.7', 'ocsp_der'), null);
  assert.equal(servers.isFull('198.51.100.7', 'ocsp_der'), false);
});
