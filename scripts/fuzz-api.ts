// Sends the API as many requests as wanted that nobody in their right mind sends, and says which of them are answered
// with a 500, with broken JSON, or not at all: `npm run fuzz:api -- --runs 100000 [--from 0]`. Ends with status 1 where
// there were some.
import { fuzzedRequest, fuzzProblem } from "../packages/server/test/api-fuzzer.ts";
import { filledWorld } from "../packages/server/test/filled-world.ts";
import { scriptOptions } from "./script-options.ts";

/** After so many failures one knows enough. */
const FAILURES_MAX = 10;
const ANSWERED_MS_MAX = 10_000;

const { values } = scriptOptions({
  options: {
    runs: { type: "string", default: "100000" },
    from: { type: "string", default: "0" },
  },
});
const from = Number(values.from);
const to = from + Number(values.runs);
const world = await filledWorld();
const startedMs = performance.now();
let failures = 0;
for (let seed = from; seed < to && failures < FAILURES_MAX; seed++) {
  const request = fuzzedRequest(seed);
  const fetch = (sent: Request): Response | Promise<Response> => world.app.fetch(sent);
  const problem = await fuzzProblem(fetch, request, ANSWERED_MS_MAX);
  const bug = world.bugs.shift();
  if (problem === undefined && bug === undefined) continue;
  failures++;
  const text = bug instanceof Error ? (bug.stack ?? bug.message) : (problem ?? String(bug));
  console.log(`seed ${seed}: ${JSON.stringify(request)}\n${text}\n`);
}
const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
console.log(`${to - from} requests in ${seconds} s, ${failures} answered wrongly`);
process.exitCode = failures > 0 ? 1 : 0;
