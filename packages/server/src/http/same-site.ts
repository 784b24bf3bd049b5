/** Browsers name the site of the page that sends a change; programs name none. */
export function isFromAnotherSite(request: Request): boolean {
  const origin = request.headers.get("Origin");
  return origin !== null && URL.parse(origin)?.host !== new URL(request.url).host;
}
