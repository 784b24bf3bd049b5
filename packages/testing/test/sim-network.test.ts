import { equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import type { HttpRequest } from "@pharos/ports";
import { SimClock } from "../src/sim-clock.ts";
import { SimNetwork } from "../src/sim-network.ts";

const signal = new AbortController().signal;

function get(url: string, changes: Partial<HttpRequest> = {}): HttpRequest {
  return { method: "GET", url, headers: {}, timeoutMs: 1000, bodySizeMax: 100, ...changes };
}

function failsWith(code: string): (error: unknown) => boolean {
  return (error) => error instanceof OperatingError && error.code === code;
}

test("a host answers with any status, after its latency", async () => {
  const clock = new SimClock();
  const network = new SimNetwork(clock);
  network.host("http://a:1", () => ({ kind: "answer", status: 503, body: "no", latencyMs: 999 }));
  const startMs = clock.nowMs();
  const response = await clock.run(network.request(get("http://a:1/x"), signal));
  equal(response.status, 503);
  equal(new TextDecoder().decode(response.body), "no");
  equal(clock.nowMs() - startMs, 999);
  equal(network.requests[0]?.request.url, "http://a:1/x");
});

test("who is not there refuses, and who does not answer times out", async () => {
  const clock = new SimClock();
  const network = new SimNetwork(clock);
  network.host("http://hangs:1", () => ({ kind: "hang" }));
  network.host("http://slow:1", () => ({ kind: "answer", latencyMs: 1000 }));
  await rejects(network.request(get("http://gone:1"), signal), failsWith("http.failed"));
  for (const host of ["hangs", "slow"]) {
    const startMs = clock.nowMs();
    const request = network.request(get(`http://${host}:1`), signal);
    await rejects(clock.run(request), failsWith("http.failed"));
    equal(clock.nowMs() - startMs, 1000);
  }
  equal(network.inFlight, 0);
});

test("an answer that is too large fails the request", async () => {
  const network = new SimNetwork(new SimClock());
  network.host("http://a:1", () => ({ kind: "answer", body: "x".repeat(101) }));
  await rejects(network.request(get("http://a:1"), signal), failsWith("input.too_large"));
});

test("a request ends with the reason of its signal", async () => {
  const network = new SimNetwork(new SimClock());
  network.host("http://a:1", () => ({ kind: "hang" }));
  const abort = new AbortController();
  const request = network.request(get("http://a:1"), abort.signal);
  const reason = new Error("enough");
  abort.abort(reason);
  await rejects(request, (error) => error === reason);
  await rejects(network.request(get("http://a:1"), abort.signal), (error) => error === reason);
  equal(network.inFlight, 0);
});
