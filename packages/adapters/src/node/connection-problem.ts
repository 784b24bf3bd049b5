/** What Node's codes mean, in the words that people search for. */
const REASONS: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "connection refused"],
  ["ECONNRESET", "connection reset by peer"],
  ["EHOSTUNREACH", "no route to host"],
  ["ENETUNREACH", "network is unreachable"],
  ["ENOTFOUND", "no such host"],
  ["EAI_AGAIN", "the name server does not answer"],
  ["ETIMEDOUT", "connection timed out"],
]);

/** `error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:../deps/…` */
const OPENSSL = /error:[0-9A-F]+:[^:]*:[^:]*:([^:]+)/;
/** Plain text where the begin of TLS should be. */
const NO_TLS = "wrong version number";

/** What Node adds to the error of a connection or a look-up that failed. */
interface SystemCallError extends Error {
  readonly code?: string;
  /** Of Node, where nodemailer has put its own in its place. */
  readonly originalCode?: string;
  readonly address?: string;
  readonly port?: number;
  readonly hostname?: string;
}

/** Why a connection failed, for people: "127.0.0.1:9093: connection refused". */
export function connectionProblem(error: unknown): string {
  // Its message names the proxy with its password.
  if ((error as SystemCallError | undefined)?.code === "ERR_PROXY_TUNNEL")
    return "the proxy refuses to connect to the host";
  // Node wraps several failed connection attempts in one error without a message of its own.
  if (error instanceof AggregateError)
    return [...new Set(error.errors.map((each) => connectionProblem(each)))].join("; ");
  if (!(error instanceof Error)) return String(error);
  const reason = reasonOf(error);
  const { address, port, hostname } = error as SystemCallError;
  if (reason === undefined) return error.message;
  const host = address?.includes(":") === true ? `[${address}]` : address;
  const peer = host === undefined ? hostname : `${host}:${port}`;
  return peer === undefined ? reason : `${peer}: ${reason}`;
}

/** The same without the peer; undefined where Node's own message is all there is. */
export function reasonOf(error: Error): string | undefined {
  const { code = "", originalCode = code, message } = error as SystemCallError;
  const [, reason] = OPENSSL.exec(message) ?? [];
  if (reason === NO_TLS) return "the server does not speak TLS";
  if (reason !== undefined) return `TLS: ${reason.trim()}`;
  return REASONS.get(originalCode);
}
