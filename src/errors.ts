/** Every error that a caller can see: one class, a closed set of codes, each with its HTTP status and short title. */

/** Stable code → HTTP status and short title. A code, once released, never changes its meaning. */
export const ERRORS = {
  VALIDATION_FAILED: [400, 'Invalid request'],
  INVALID_JSON: [400, 'Invalid JSON'],
  INVALID_CSR: [400, 'Invalid certificate signing request'],
  WEAK_KEY: [400, 'Key not acceptable'],
  PROFILE_VIOLATION: [400, 'Not allowed by the profile'],
  OUTSIDE_CA_LIMITS: [400, 'Outside the limits of the CA'],
  VALIDITY_EXCEEDS_CA: [400, 'Lifetime exceeds the CA'],
  INVALID_CURSOR: [400, 'Invalid cursor'],
  UNAUTHENTICATED: [401, 'Authentication required'],
  FORBIDDEN: [403, 'Not allowed'],
  CSRF: [403, 'Form expired'],
  PASSWORD_CHANGE_REQUIRED: [403, 'Password change required'],
  NOT_FOUND: [404, 'Not found'],
  ROUTE_NOT_FOUND: [404, 'No such route'],
  METHOD_NOT_ALLOWED: [405, 'Method not allowed'],
  NOT_ACCEPTABLE: [406, 'Not acceptable'],
  REQUEST_TIMEOUT: [408, 'Request timeout'],
  IDENTIFIER_TAKEN: [409, 'Identifier taken'],
  ALREADY_REVOKED: [409, 'Already revoked'],
  NOT_HELD: [409, 'Not on hold'],
  CONFLICT: [409, 'Conflict'],
  KEY_LOCKED: [409, 'Private key locked'],
  GONE: [410, 'Gone'],
  PAYLOAD_TOO_LARGE: [413, 'Payload too large'],
  UNSUPPORTED_MEDIA_TYPE: [415, 'Unsupported media type'],
  RATE_LIMITED: [429, 'Rate limit exceeded'],
  HEADERS_TOO_LARGE: [431, 'Request headers too large'],
  INTERNAL: [500, 'Internal error'],
  UNAVAILABLE: [503, 'Service unavailable'],
  STORAGE_FULL: [507, 'Storage full'],
} as const satisfies Record<string, readonly [number, string]>;

export type ErrorCode = keyof typeof ERRORS;

/** One thing wrong with one field of the request. */
export interface ErrorDetail {
  /** The field, dotted: `renewal.renewal_enabled`, `rows.3.common_name`. */
  path: string;
  message: string;
}

/** The one shape in which every route reports an error. */
export interface ErrorBody {
  error: string;
  message: string;
  code: ErrorCode;
  status: number;
  details?: ErrorDetail[];
  retry_after?: number;
}

/** An error whose message is written for the caller: it says what to do about it and holds no path, stack or key. */
export class CertMateError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetail[] | undefined;

  constructor(code: ErrorCode, message: string, options: { details?: ErrorDetail[]; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CertMateError';
    this.code = code;
    this.details = options.details;
  }

  get status(): number {
    return ERRORS[this.code][0];
  }

  /** The JSON body of the answer. */
  toBody(): ErrorBody {
    const [status, error] = ERRORS[this.code];
    return {
      error,
      message: this.message,
      code: this.code,
      status,
      ...(this.details === undefined ? {} : { details: this.details }),
    };
  }
}

/** A refusal for asking too often; the seconds to wait go into the body and the `Retry-After` header. */
export class RateLimitError extends CertMateError {
  /** Whole seconds until the next call is welcome. */
  readonly retryAfter: number;

  /** @param more what else there is to say, as a sentence */
  constructor(retryAfter: number, more = '') {
    super('RATE_LIMITED', `Too many requests. Please try again later.${more === '' ? '' : ` ${more}`}`);
    this.retryAfter = retryAfter;
  }

  override toBody(): ErrorBody {
    return { ...super.toBody(), retry_after: this.retryAfter };
  }
}

/** An error of a call whose change is saved, while something that belongs to it is written later by itself. */
export class SavedAlready extends CertMateError {}

/** A reason not to start. `main` prints its one line and leaves with exit code 1; nothing on disk has been touched. */
export class StartupError extends Error {
  override readonly name = 'StartupError';
}

/** Another process uses the data directory. */
export class DirectoryInUse extends StartupError {}
