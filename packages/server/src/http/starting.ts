/** Answers in place of everything else while the log is read back: alive, not ready, and nothing to answer from. */
export function answerStarting(request: Request): Response {
  const { pathname } = new URL(request.url);
  if (pathname === "/-/healthy") return new Response("Pharos is healthy.\n");
  const error = "the log is being read back; try again shortly";
  const headers = { "Retry-After": "1" };
  return pathname.startsWith("/api/")
    ? Response.json({ status: "error", errorType: "unavailable", error }, { status: 503, headers })
    : new Response(`Service Unavailable: ${error}\n`, { status: 503, headers });
}
