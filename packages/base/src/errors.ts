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

/** Causes of causes that a text tells. */
const CAUSES_MAX = 10;

/** The text of whatever was thrown, and of each cause behind it that it does not quote already, for logs and messages. */
export function errorText(error: unknown): string {
  let text = messageOf(error);
  let cause = causeOf(error);
  for (let depth = 0; cause !== undefined && depth < CAUSES_MAX; depth++) {
    const message = messageOf(cause);
    if (!text.includes(message)) text = `${text}: ${message}`;
    cause = causeOf(cause);
  }
  return text;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
