/**
 * An answer that is not the data asked for. `kind` is Prometheus's `errorType` (`bad_data`, `execution`, `timeout`,
 * `unavailable`, …), or one of ours: `unreachable` (no answer at all), `unexpected` (an answer we cannot read).
 */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly kind: string;
  /** 0 where there was no answer. */
  readonly status: number;

  constructor(kind: string, status: number, message: string) {
    super(message);
    this.kind = kind;
    this.status = status;
  }

  /** Whether asking again may help without anyone changing the question. */
  get retryable(): boolean {
    return this.kind === "unreachable" || this.kind === "unavailable" || this.status >= 500;
  }
}
