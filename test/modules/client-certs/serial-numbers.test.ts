import assert from 'node:assert/strict';
import { test } from 'node:test';
import { build } from '../../build.js';

// NeySlim/ultimate-ca-manager: as JSON numbers, serial numbers lost their last digits, and look-ups by them missed.
test('serial numbers are decimal strings in every answer, and are found as decimal and as hex', async (t) => {
  const { call, issue } = await build(t);
  const { identifier, serial_number: serial } = await issue();
  assert.match(serial as string, /^\d+$/);
  const number = BigInt(serial as string);
  assert.ok(number > BigInt(Number.MAX_SAFE_INTEGER));
  await call('admin', { method: 'POST', url: `/api/client-certs/${identifier}/revoke`, payload: {} });
  const hex = number.toString(16);
  for (const url of [
    `/api/client-certs/${identifier}`,
    '/api/client-certs',
    `/api/client-certs?search=${serial}`,
    '/api/crl/info',
    `/api/ocsp/status/${serial}`,
    `/api/ocsp/status/0x${hex}`,
    `/api/ocsp/status/${hex.toUpperCase()}`,
    `/api/audit?resource_id=${identifier}`,
  ]) {
    const { body, statusCode } = await call('admin', { method: 'GET', url });
    assert.equal(statusCode, 200, body);
    assert.ok(body.includes(`"${serial}"`), `${url}: ${body}`);
    // A digit that is not inside a string: what JSON would read as a number.
    assert.doesNotMatch(body.replace(/"(?:[^"\\]|\\.)*"/g, '""'), /\d{16,}/);
  }
});
