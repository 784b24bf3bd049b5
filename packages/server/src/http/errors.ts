import type { ErrorAnswer } from "@pharos/api";
import { type ErrorCode, OperatingError } from "@pharos/base";

/** Prometheus's names for what went wrong, which its clients read. */
export type ErrorType = ErrorAnswer["errorType"];

/** Nginx's "the client closed the request", which Prometheus answers to a query that was cancelled. */
const CLIENT_CLOSED_REQUEST = 499;

/** Where an error code becomes an HTTP status. A new code does not compile until it is here. */
export const HTTP_ERRORS = {
  "blob.unavailable": { status: 503, type: "unavailable" },
  conflict: { status: 409, type: "bad_data" },
  "config.invalid": { status: 500, type: "internal" },
  "database.unavailable": { status: 503, type: "unavailable" },
  "disk.corrupt": { status: 500, type: "internal" },
  "disk.failed": { status: 500, type: "internal" },
  "disk.full": { status: 507, type: "internal" },
  "http.failed": { status: 502, type: "internal" },
  "input.invalid": { status: 400, type: "bad_data" },
  "input.too_large": { status: 413, type: "bad_data" },
  "memory.full": { status: 503, type: "unavailable" },
  not_found: { status: 404, type: "not_found" },
  "notify.rejected": { status: 502, type: "internal" },
  "notify.unavailable": { status: 503, type: "unavailable" },
  "query.cancelled": { status: CLIENT_CLOSED_REQUEST, type: "canceled" },
  "query.failed": { status: 422, type: "execution" },
  "query.invalid": { status: 400, type: "bad_data" },
  "query.over_limit": { status: 422, type: "execution" },
  "query.timeout": { status: 503, type: "timeout" },
  "query.too_many": { status: 429, type: "unavailable" },
  "query.too_many_samples": { status: 422, type: "execution" },
  "queue.full": { status: 503, type: "unavailable" },
  "scrape.failed": { status: 502, type: "internal" },
} as const satisfies Record<ErrorCode, { status: number; type: ErrorType }>;

/** The client sent something that cannot be understood. */
export function badData(message: string, cause?: unknown): OperatingError {
  return new OperatingError("input.invalid", message, cause === undefined ? {} : { cause });
}

/** `invalid parameter "start": cannot parse "x" to a valid timestamp`, as Prometheus words it. */
export function invalidParameter(name: string, reason: string): OperatingError {
  return badData(`invalid parameter "${name}": ${reason}`);
}
