/** Browsers name the site of the page that sends a change; programs name none. */
export function isFromAnotherSite(request: Request): boolean {
  const origin = request.headers.get("Origin");
  return origin !== null && URL.parse(origin)?.host !== new URL(request.url).host;
}

/**
 * The same where another program may hand on what its pages send: the browser itself says how page and address belong
 * together, since 2020 to 2023, and only over HTTPS and on this machine. What it does not say there, it must ask before:
 * see `READ_ONLY_CORS_HEADERS`.
 */
export function saysFromAnotherSite(request: Request): boolean {
  return ["cross-site", "same-site"].includes(request.headers.get("Sec-Fetch-Site") ?? "");
}
