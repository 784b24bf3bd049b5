import {
  type HttpAnswer,
  type HttpMessage,
  judgeStatus,
  type Refusal,
  shownAnswer,
} from "./http-sender.ts";
import { type SigningScope, signedHeaders } from "./sigv4.ts";

/** Amazon answers 400 to these too. */
const TRANSIENT_CODES: ReadonlySet<string> = new Set([
  ...["Throttling", "ThrottlingException", "ThrottledException", "Throttled", "KMSThrottling"],
  ...["RequestThrottled", "RequestExpired", "InternalError", "InternalFailure"],
  // What was lent is over before its time: it is lent again.
  ...["ExpiredToken", "ExpiredTokenException"],
]);

/** Where a service is reached in a region. */
export function awsUrl(service: string, region: string): string {
  const end = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  return `https://${service}.${region}.${end}/`;
}

/** A signed call of one of Amazon's older APIs, which take forms and answer XML. */
export function awsMessage(url: string, form: URLSearchParams, scope: SigningScope): HttpMessage {
  form.sort();
  const body = form.toString();
  const contentType = { "content-type": "application/x-www-form-urlencoded; charset=utf-8" };
  const headers = signedHeaders({ method: "POST", url, headers: contentType, body }, scope);
  const { secretKey, sessionToken } = scope.credentials;
  const secrets = [secretKey.reveal(), sessionToken?.reveal() ?? ""];
  return { url, body, headers, secrets, judge };
}

function judge(answer: HttpAnswer): Refusal | undefined {
  const code = element(answer, "Code");
  const reason = [code, element(answer, "Message")].filter((part) => part !== "").join(": ");
  const refusal = judgeStatus([], () => reason || shownAnswer(answer))(answer);
  return refusal && { ...refusal, transient: refusal.transient || TRANSIENT_CODES.has(code) };
}

/** The text of the first element of the name in an answer's XML; "" where there is none. */
export function element({ text }: Pick<HttpAnswer, "text">, name: string): string {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? "";
  return found.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}
