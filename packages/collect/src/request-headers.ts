import { Secret } from "@pharos/base";

/** What a configuration says of the headers of its requests. */
export interface RequestHeaderSettings {
  readonly httpHeaders: readonly (readonly [name: string, value: string | Secret])[];
  readonly basicAuth: { readonly username: string; readonly password: Secret } | undefined;
  readonly authorization: { readonly type: string; readonly credentials: Secret } | undefined;
}

/** These headers, with their secrets: not to be shown. */
export function requestHeaders(settings: RequestHeaderSettings): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of settings.httpHeaders)
    headers[name] = value instanceof Secret ? value.reveal() : value;
  if (settings.basicAuth !== undefined) {
    const { username, password } = settings.basicAuth;
    headers["Authorization"] = `Basic ${base64(`${username}:${password.reveal()}`)}`;
  }
  if (settings.authorization !== undefined) {
    const { type, credentials } = settings.authorization;
    headers["Authorization"] = `${type} ${credentials.reveal()}`;
  }
  return headers;
}

function base64(text: string): string {
  return new TextEncoder().encode(text).toBase64();
}
