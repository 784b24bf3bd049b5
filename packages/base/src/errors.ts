/** The ways the outside world fails us, as `area.what`. Codes are public: logs, metrics, the API. */
export const ERROR_CODES = {
  "blob.unavailable": { retryable: true },
  conflict: { retryable: false },
  "config.invalid": { retryable: false },
  "database.unavailable": { retryable: true },
  "disk.corrupt": { retryable: false },
  "disk.full": { retryable: true },
  "disk.failed": { retryable: true },
  "input.invalid": { retryable: false },
  "input.too_large": { retryable: false },
  "memory.full": { retryable: true },
  "notify.rejected": { retryable: false },
  "notify.unavailable": { retryable: true },
  not_found: { retryable: false },
  "query.cancelled": { retryable: false },
  "query.failed": { retryable: false },
  "query.invalid": { retryable: false },
  "query.over_limit": { retryable: false },
  "query.timeout": { retryable: true },
  "query.too_many": { retryable: true },
  "query.too_many_samples": { retryable: false },
  "queue.full": { retryable: true },
  "http.failed": { retryable: true },
  "scrape.failed": { retryable: true },
} as const satisfies Record<string, { retryable: boolean }>;

export type ErrorCode = keyof typeof ERROR_CODES;

/**
 * A failure of the world outside this program: bad input, a full disk, a receiver that is down.
 * The message says what, where and what is allowed, for the person who has to act on it.
 */
export class OperatingError extends Error {
  override readonly name = "OperatingError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /** Whether the same call may succeed later without anyone changing anything. */
  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }
}

/** The text of whatever was thrown, with the chain of causes where it does not quote them itself, for logs and messages. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause === undefined) return error.message;
  const cause = errorText(error.cause);
  return error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}
