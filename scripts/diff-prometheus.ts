// Asks Debian's Prometheus and us the same, from the same samples, and says where the answers differ:
// `npm run diff:prometheus -- --queries 1000 --seed 1`. Ends with status 1 where a difference has no known reason.
import { askedForCompliance, generatedQueries } from "../tests/differential/asked-queries.ts";
import { demoSeries } from "../tests/differential/demo-data.ts";
import { describeFailure, runQueries } from "../tests/differential/differential-run.ts";
import { EXEMPTIONS } from "../tests/differential/exemptions.ts";
import { Servers } from "../tests/differential/servers.ts";
import { skipWithout } from "../tests/harness/child.ts";
import { scriptOptions } from "./script-options.ts";

const { values } = scriptOptions({
  options: {
    queries: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
  },
});
const count = Number(values.queries);
const seed = Number(values.seed);
if (!Number.isSafeInteger(count) || !Number.isSafeInteger(seed))
  throw new Error("--queries and --seed are whole numbers");
const missing = skipWithout("prometheus");
if (missing !== false) throw new Error(missing);

const startedMs = performance.now();
await using servers = await Servers.start(demoSeries(seed, "off-grid"));
const queries = [...askedForCompliance(), ...generatedQueries(seed, count)];
const report = await runQueries(servers, queries, (failure) =>
  console.log(describeFailure(failure)),
);

const { asked, same, exempted, failures } = report;
const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
console.log(
  `${asked} queries in ${seconds} s: ${same.answered} answered alike, ${same.empty} with nothing, ${same.refused} refused`,
);
for (const { name, reason } of EXEMPTIONS)
  console.log(`${String(exempted.get(name) ?? 0).padStart(6)}  ${name}: ${reason}`);
console.log(`${failures.length} differences without a reason`);
process.exitCode = failures.length > 0 ? 1 : 0;
