/** Pages of other origins (Grafana in the browser, dashboards) may read the API, as Prometheus lets them. */
export const CORS_HEADERS: Readonly<Record<string, string>> = {
  "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, Origin",
  "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Expose-Headers": "Date",
};

/**
 * Where a program in between, such as Karma, hands on what its own pages send, the page's origin says nothing. There a
 * browser must ask first for whatever is more than a plain read, and is told no.
 */
export const READ_ONLY_CORS_HEADERS: Readonly<Record<string, string>> = {
  ...CORS_HEADERS,
  "Access-Control-Allow-Headers": "Accept, Authorization, Origin",
  "Access-Control-Allow-Methods": "GET, OPTIONS",
};
