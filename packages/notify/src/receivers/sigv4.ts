import { createHash, createHmac } from "node:crypto";
import type { Secret } from "@pharos/base";

const ALGORITHM = "AWS4-HMAC-SHA256";

export interface AwsCredentials {
  readonly accessKey: string;
  readonly secretKey: Secret;
  /** Of credentials that are lent for a while. */
  readonly sessionToken?: Secret;
}

export interface SignedRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  /** Names in lower case; all of them are signed. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** For whom and when a request is signed. */
export interface SigningScope {
  readonly region: string;
  /** `sns`. */
  readonly service: string;
  readonly credentials: AwsCredentials;
  readonly nowMs: number;
}

/** The headers of a request to Amazon with its signature among them, version 4. The host's is left to the client. */
export function signedHeaders(
  { method, url, headers, body }: SignedRequest,
  { region, service, credentials, nowMs }: SigningScope,
): Record<string, string> {
  const { host, pathname, searchParams } = new URL(url);
  const { accessKey, secretKey, sessionToken } = credentials;
  const time = `${new Date(nowMs).toISOString().slice(0, 19).replace(/[-:]/g, "")}Z`;
  const date = time.slice(0, 8);
  const sent: Record<string, string> = {
    ...headers,
    "x-amz-date": time,
    ...(sessionToken === undefined ? {} : { "x-amz-security-token": sessionToken.reveal() }),
  };
  const signed = Object.entries({ ...sent, host }).sort(([a], [b]) => (a < b ? -1 : 1));
  const names = signed.map(([name]) => name).join(";");
  const canonical = [
    method,
    // A path is encoded as it is sent, and once more.
    pathname.split("/").map(encoded).join("/"),
    [...searchParams]
      .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
      .sort()
      .join("&"),
    ...signed.map(([name, value]) => `${name}:${value.trim().replace(/ +/g, " ")}`),
    "",
    names,
    sha256(body),
  ].join("\n");
  const scope = `${date}/${region}/${service}/aws4_request`;
  const toSign = [ALGORITHM, time, scope, sha256(canonical)].join("\n");
  let key: Buffer = Buffer.from(`AWS4${secretKey.reveal()}`);
  for (const part of [date, region, service, "aws4_request"]) key = hmac(key, part);
  const signature = hmac(key, toSign).toString("hex");
  const authorization = `${ALGORITHM} Credential=${accessKey}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return { ...sent, authorization };
}

function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
