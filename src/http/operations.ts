/** Every operation of the API: the name under which generated clients call it, and what its success means. */

interface Operation {
  /** `operationId`: stable, for it becomes the name of a function in generated clients. */
  id: string;
  /** What the answer holds where the call went well; by status where there are several. */
  success: string | Record<number, string>;
}

const file = (what: string): string => `${what}, as a file`;

/** `METHOD /path` as OpenAPI writes it → operation. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  'GET /openapi.json': { id: 'getDescription', success: 'The description of the API (OpenAPI 3.1)' },
  'GET /health': { id: 'getHealth', success: 'The state of the service and the outcome of each check' },
  'GET /health/ready': { id: 'getReadiness', success: 'Ready to serve' },
  'GET /metrics': { id: 'getMetrics', success: 'Metrics in the Prometheus text format' },

  'GET /api/ca': { id: 'getAuthority', success: 'Facts of the CA' },
  'GET /api/ca/download/pem': { id: 'downloadAuthorityPem', success: file('The CA certificate in PEM') },
  'GET /api/ca/download/der': { id: 'downloadAuthorityDer', success: file('The CA certificate in DER') },
  'POST /api/ca/backup': { id: 'createBackup', success: file('The archive, encrypted under the passphrase') },
  'GET /api/crl/download/der': { id: 'downloadCrlDer', success: file('The current CRL in DER') },
  'GET /api/crl/download/pem': { id: 'downloadCrlPem', success: file('The current CRL in PEM') },
  'GET /api/crl/info': { id: 'getCrlInfo', success: 'Facts of the current CRL' },
  'GET /api/crl/download/info': { id: 'getCrlInfoByOlderPath', success: 'Facts of the current CRL' },
  'POST /api/ocsp': { id: 'askOcsp', success: 'The OCSP response in DER; errors of OCSP too' },
  'GET /api/ocsp': { id: 'askOcspWithoutRequest', success: 'The OCSP response malformedRequest' },
  'GET /api/ocsp/{rest}': { id: 'askOcspByPath', success: 'The OCSP response in DER; errors of OCSP too' },
  'GET /api/ocsp/status/{serial}': { id: 'getOcspStatus', success: 'The status of the serial number' },

  'GET /api/client-certs': { id: 'listCertificates', success: 'One page of certificates' },
  'POST /api/client-certs': { id: 'issueCertificate', success: 'The certificate that was issued' },
  'POST /api/client-certs/create': { id: 'createCertificate', success: 'The certificate that was issued' },
  'GET /api/client-certs/stats': { id: 'getStatistics', success: 'Counts over all certificates' },
  'GET /api/client-certs/{id}': { id: 'getCertificate', success: 'The certificate' },
  'PATCH /api/client-certs/{id}': { id: 'updateCertificate', success: 'The certificate as it is now' },
  'PUT /api/client-certs/{id}': { id: 'putCertificate', success: 'The certificate as it is now' },
  'DELETE /api/client-certs/{id}': { id: 'deleteCertificate', success: 'The certificate as it was deleted' },
  'GET /api/client-certs/{id}/download/{type}': { id: 'downloadCertificate', success: 'The file that was asked for' },
  'POST /api/client-certs/{id}/download/p12': { id: 'downloadPkcs12', success: file('Key, certificate and chain') },
  'POST /api/client-certs/{id}/revoke': { id: 'revokeCertificate', success: 'The certificate, revoked' },
  'POST /api/client-certs/{id}/unhold': { id: 'unholdCertificate', success: 'The certificate, released from hold' },
  'POST /api/client-certs/{id}/renew': { id: 'renewCertificate', success: 'The certificate that took its place' },
  'POST /api/client-certs/revoke': { id: 'revokeFoundCertificate', success: 'The certificate, revoked' },
  'POST /api/client-certs/bulk/revoke': { id: 'bulkRevoke', success: 'What became of each certificate' },
  'POST /api/client-certs/bulk/renew': { id: 'bulkRenew', success: 'What became of each certificate' },
  'POST /api/client-certs/bulk/tag': { id: 'bulkTag', success: 'What became of each certificate' },

  'POST /api/client-certs/csr/create': { id: 'createCsr', success: 'The CSR and its private key, which is not kept' },
  'POST /api/client-certs/csr/inspect': { id: 'inspectCsr', success: 'What the CSR asks for' },
  'POST /api/client-certs/csr/submit': { id: 'submitCsr', success: 'The certificate that was issued' },

  'POST /api/client-certs/batch': {
    id: 'createBatch',
    success: {
      200: 'A dry run: what would become of each row',
      201: 'What became of each row',
      202: 'The job that issues them; Location says where it is watched',
    },
  },
  'GET /api/client-certs/batch/{job}': { id: 'getBatch', success: 'The progress of the job' },
  'DELETE /api/client-certs/batch/{job}': { id: 'cancelBatch', success: 'The job, which begins nothing more' },
  'GET /api/client-certs/batch/{job}/events': { id: 'watchBatch', success: 'Progress as server-sent events' },
  'GET /api/client-certs/batch/{job}/results.csv': { id: 'downloadBatchCsv', success: file('What became of each row') },
  'GET /api/client-certs/batch/{job}/results.zip': { id: 'downloadBatchZip', success: file('Certificates and keys') },

  'GET /api/profiles': { id: 'listProfiles', success: 'All issuing profiles' },
  'GET /api/profiles/{name}': { id: 'getProfile', success: 'The profile' },
  'PUT /api/profiles/{name}': {
    id: 'putProfile',
    success: { 200: 'The profile that replaced one', 201: 'The new profile' },
  },
  'DELETE /api/profiles/{name}': { id: 'deleteProfile', success: 'Removed' },
  'GET /api/renewals': { id: 'getRenewals', success: 'The last sweeps, and when the next one is' },
  'POST /api/renewals/run': { id: 'runRenewals', success: 'What was renewed' },

  'GET /api/keys': { id: 'listKeys', success: 'All API keys, without their tokens' },
  'POST /api/keys': { id: 'createKey', success: 'The API key with its token, shown this once' },
  'POST /api/keys/{id}/rotate': { id: 'rotateKey', success: 'The API key with its new token, shown this once' },
  'DELETE /api/keys/{id}': { id: 'deleteKey', success: 'Removed' },
  'POST /api/auth/login': { id: 'login', success: 'Signed in; the cookie of the session is set' },
  'POST /api/auth/logout': { id: 'logout', success: 'Signed out' },
  'GET /api/auth/me': { id: 'getCaller', success: 'Who calls' },
  'POST /api/auth/password': { id: 'changePassword', success: 'Changed' },
  'GET /api/users': { id: 'listUsers', success: 'All users' },
  'POST /api/users': { id: 'createUser', success: 'The user; with the password if it was made here, shown this once' },
  'GET /api/users/{id}': { id: 'getUser', success: 'The user' },
  'PATCH /api/users/{id}': { id: 'updateUser', success: 'The user as it is now' },
  'DELETE /api/users/{id}': { id: 'deleteUser', success: 'Removed' },
  'DELETE /api/users/{id}/sessions': { id: 'endUserSessions', success: 'How many sessions ended' },

  'GET /api/audit': { id: 'searchAudit', success: 'One page of audit lines' },
  'GET /api/audit/verify': {
    id: 'verifyAudit',
    success: { 200: 'Every line and signature is intact', 409: 'Where the audit log is broken first' },
  },
  'GET /api/audit/export': { id: 'exportAudit', success: file('The audit log') },
  'GET /api/audit/public-key': { id: 'getAuditKey', success: 'The key that verifies the checkpoints' },
  'GET /api/blocked-keys': { id: 'listBlockedKeys', success: 'All blocked keys' },
  'POST /api/blocked-keys': {
    id: 'blockKey',
    success: { 200: 'The key, which was on the list already', 201: 'The key, blocked from now on' },
  },
  'DELETE /api/blocked-keys/{sha256}': { id: 'unblockKey', success: 'Taken off the list' },
  'GET /api/settings': { id: 'getSettings', success: 'The settings in force' },
  'PATCH /api/settings': { id: 'updateSettings', success: 'The settings in force now' },
};

/** What the answer with this status holds; undefined where the table says nothing of it. */
export function successText(operation: Operation, status: string): string | undefined {
  if (typeof operation.success !== 'string') return operation.success[Number(status)];
  return status.startsWith('2') ? operation.success : undefined;
}
