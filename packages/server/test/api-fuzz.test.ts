import { deepEqual, notDeepEqual } from "node:assert/strict";
import { test } from "node:test";
import { fuzzedRequest, fuzzProblem } from "./api-fuzzer.ts";
import { filledWorld } from "./filled-world.ts";

/** Far more than any of them takes: a hang is found, a busy machine is none. */
const ANSWERED_MS_MAX = 30_000;
const REQUESTS = 2000;

test("no request is answered with a 500, and each is answered", async () => {
  const world = await filledWorld();
  const statuses = new Set<number>();
  for (let seed = 0; seed < REQUESTS; seed++) {
    const request = fuzzedRequest(seed);
    const fetch = async (sent: Request): Promise<Response> => {
      const response = await world.app.fetch(sent);
      statuses.add(response.status);
      return response;
    };
    const problem = await fuzzProblem(fetch, request, ANSWERED_MS_MAX);
    deepEqual([problem, world.bugs], [undefined, []], `seed ${seed}: ${JSON.stringify(request)}`);
  }
  // They reach what they are meant to reach.
  for (const status of [200, 204, 400, 404, 405])
    deepEqual(statuses.has(status), true, `${status}`);
});

test("a request's number is all that it depends on", () => {
  deepEqual(fuzzedRequest(7), fuzzedRequest(7));
  notDeepEqual(fuzzedRequest(7), fuzzedRequest(8));
});

test("an answer that breaks the rules is found", async () => {
  const request = fuzzedRequest(1);
  const answers: readonly (readonly [() => Response | Promise<Response>, RegExp])[] = [
    [() => new Response("no", { status: 500 }), /status 500: no/],
    [() => new Response("{", { headers: { "Content-Type": "application/json" } }), /JSON/],
    [() => Promise.reject(new Error("bug")), /bug/],
    [() => new Promise(() => {}), /no answer/],
  ];
  for (const [answer, expected] of answers) {
    const problem = await fuzzProblem(answer, request, 20);
    deepEqual(expected.test(problem ?? ""), true, String(problem));
  }
});
