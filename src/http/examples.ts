/** A body for each operation that takes one: what the explorer offers, and a test sends. It is accepted as it stands. */

/** A CSR as openssl makes it, for a key that was thrown away. */
const CSR = [
  '-----BEGIN CERTIFICATE REQUEST-----',
  'MIIBFDCBuwIBADAnMRIwEAYDVQQKDAlBQ01FIENvcnAxETAPBgNVBAMMCGxhcHRv',
  'cC03MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEhMWpJ5uNNAX+tcU94XhNqEWR',
  '3m8aq3ar4REPOD64rtCNIb6dsyXcMsSMLczlryMo5bvia+INRkEEbMo0rSvIWqAy',
  'MDAGCSqGSIb3DQEJDjEjMCEwHwYDVR0RBBgwFoIUbGFwdG9wLTcuZXhhbXBsZS5j',
  'b20wCgYIKoZIzj0EAwIDSAAwRQIhAJphSA7plabRm+G/uXxFGveqn7FCs3V1Yh8q',
  'enTeLCS/AiB0b8+w9yLOgWzgafQIkAa2iBlMG9dlKScQEpDMnBplSw==',
  '-----END CERTIFICATE REQUEST-----',
].join('\n');

/** `METHOD /path` as OpenAPI writes it → body in JSON. */
export const EXAMPLES: Readonly<Record<string, object>> = {
  'POST /api/client-certs': {
    common_name: 'alice@example.com',
    email: 'alice@example.com',
    organization: 'ACME Corp',
    cert_usage: 'vpn',
    days_valid: 365,
    tags: ['laptop'],
  },
  'POST /api/client-certs/create': { common_name: 'bob@example.com', email: 'bob@example.com', cert_usage: 'api-mtls' },
  'POST /api/client-certs/csr/submit': { csr: CSR, cert_usage: 'device', days_valid: 90 },
  'POST /api/client-certs/csr/inspect': { csr: CSR, cert_usage: 'device' },
  'POST /api/client-certs/csr/create': {
    common_name: 'laptop-7',
    organization: 'ACME Corp',
    key_type: 'ec-p256',
    subject_alt_names: ['dns:laptop-7.example.com'],
  },
  'PATCH /api/client-certs/{id}': { notes: 'Replaced in spring.', tags: ['laptop', 'berlin'] },
  'PUT /api/client-certs/{id}': { renewal: { renewal_enabled: true, renewal_threshold_days: 14 } },
  'POST /api/client-certs/{id}/renew': { days_valid: 365, revoke_previous: false },
  'POST /api/client-certs/{id}/revoke': { reason: 'keyCompromise' },
  'POST /api/client-certs/{id}/download/p12': { password: 'correct horse battery', profile: 'modern' },
  'POST /api/client-certs/revoke': { serial_number: '1234567890', reason: 'superseded' },
  'POST /api/client-certs/bulk/revoke': {
    filter: { usage: 'vpn', organization: 'ACME Corp' },
    reason: 'cessationOfOperation',
    dry_run: true,
  },
  'POST /api/client-certs/bulk/renew': { filter: { expires_before: '2027-01-01T00:00:00Z' }, dry_run: true },
  'POST /api/client-certs/bulk/tag': { filter: { usage: 'vpn' }, tags: ['checked'] },
  'POST /api/client-certs/batch': {
    headers: ['common_name', 'email', 'days_valid', 'tags'],
    rows: [['carol@example.com', 'carol@example.com', 365, 'laptop;berlin']],
    defaults: { cert_usage: 'vpn' },
  },
  'PUT /api/profiles/{name}': { description: 'Short-lived certificates for CI jobs.', lifetime: { default_hours: 8 } },
  'POST /api/keys': { name: 'ci', role: 'operator', expires_at: null, allowed_usages: ['vpn'] },
  'POST /api/keys/{id}/rotate': {},
  'POST /api/users': { name: 'carol', role: 'operator' },
  'PATCH /api/users/{id}': { role: 'viewer' },
  'POST /api/auth/login': { username: 'carol', password: 'correct horse battery' },
  'POST /api/auth/password': { current_password: 'correct horse battery', new_password: 'staple correct horse 7' },
  'POST /api/ca/backup': { passphrase: 'correct horse battery staple' },
  'POST /api/blocked-keys': {
    public_key_sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    note: 'Found in a public repository.',
  },
  'PATCH /api/settings': { rate_limits: { create: 60, login: null }, renewal: { cron: '30 2 * * *' } },
};
