import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { jaroWinklerScore, subsequenceScore } from "../src/http/fuzzy-score.ts";
import { HttpWorld, NOW_SECONDS } from "./http-world.ts";

async function filled(): Promise<HttpWorld> {
  const world = new HttpWorld();
  for (const name of ["http_requests_total", "http_errors_total", "node_cpu", "HTTP_up", "up"])
    await world.write({ __name__: name, job: name === "up" ? "node" : "api" }, 2, () => 1);
  return world;
}

/** The lines of a search's answer. */
async function search(world: HttpWorld, path: string): Promise<unknown[]> {
  const response = await world.get(`/api/v1/search/${path}`);
  equal(response.status, 200);
  equal(response.headers.get("Content-Type"), "application/x-ndjson; charset=utf-8");
  const text = await response.text();
  ok(text.endsWith("\n"));
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
}

/** The names found, in their order. */
async function names(world: HttpWorld, path: string): Promise<string[]> {
  const lines = (await search(world, path)) as { results?: { name: string }[] }[];
  return lines.flatMap(({ results = [] }) => results.map(({ name }) => name));
}

const END = { status: "success", has_more: false };

test("a search without a term gives all names, then says that this was all", async () => {
  const world = await filled();
  const all = ["HTTP_up", "http_errors_total", "http_requests_total", "node_cpu", "up"];
  deepEqual(await search(world, "metric_names"), [{ results: all.map((name) => ({ name })) }, END]);
  deepEqual(await names(world, "label_names"), ["__name__", "job"]);
  deepEqual(await names(world, "label_values?label=job"), ["api", "node"]);
});

test("a search that finds nothing gives an empty batch", async () => {
  const world = await filled();
  deepEqual(await search(world, "metric_names?search[]=zz"), [{ results: [] }, END]);
});

test("names hold the characters of a term in their order, of any of the terms", async () => {
  const world = await filled();
  deepEqual(await names(world, "metric_names?search[]=htot"), [
    "http_errors_total",
    "http_requests_total",
  ]);
  deepEqual(await names(world, "metric_names?search[]=cpu&search[]=hup"), ["node_cpu"]);
  const any = "metric_names?search[]=cpu&search[]=hup&case_sensitive=false";
  deepEqual(await names(world, any), ["HTTP_up", "node_cpu"]);
});

test("a threshold leaves out what answers badly", async () => {
  const world = await filled();
  deepEqual(await names(world, "metric_names?search[]=htot&fuzz_threshold=90"), []);
  deepEqual(await names(world, "metric_names?search[]=http&fuzz_threshold=100"), [
    "http_errors_total",
    "http_requests_total",
  ]);
});

test("the best answers come first where that is asked for", async () => {
  const world = await filled();
  const path = "metric_names?search[]=up&case_sensitive=false&sort_by=score&include_score=true";
  const [batch] = (await search(world, path)) as [{ results: { name: string; score: number }[] }];
  deepEqual(
    batch.results.map(({ name }) => name),
    ["up", "HTTP_up"],
  );
  equal(batch.results[0]?.score, 1);
  ok((batch.results[1]?.score ?? 1) < 1);
});

test("Jaro and Winkler's measure finds what is spelt wrongly, and what holds the term", async () => {
  const world = await filled();
  const fuzzy = "metric_names?fuzz_alg=jarowinkler&search[]=";
  deepEqual(await names(world, `${fuzzy}nodecpu`), []);
  deepEqual(await names(world, `${fuzzy}nodecpu&fuzz_threshold=90`), ["node_cpu"]);
  deepEqual(await names(world, `${fuzzy}errors`), ["http_errors_total"]);
});

test("results come in batches, up to the limit, in either order", async () => {
  const world = await filled();
  deepEqual(await search(world, "metric_names?limit=3&batch_size=2&sort_by=alpha&sort_dir=dsc"), [
    { results: [{ name: "up" }, { name: "node_cpu" }] },
    { results: [{ name: "http_requests_total" }] },
    { status: "success", has_more: true },
  ]);
});

test("a search is narrowed by selectors and by time", async () => {
  const world = await filled();
  deepEqual(await names(world, 'metric_names?match[]={job="node"}'), ["up"]);
  deepEqual(await names(world, `metric_names?end=${NOW_SECONDS - 100}`), []);
});

test("metric names come with what targets say of them", async () => {
  const world = await filled();
  world.metadata = [{ metric: "up", type: "gauge", help: "Up.", unit: "", target: [] }];
  const path = "metric_names?search[]=up&include_metadata=true&fuzz_threshold=90";
  deepEqual(await search(world, path), [
    { results: [{ name: "up", type: "gauge", help: "Up." }] },
    END,
  ]);
  const form = await world.post("/api/v1/search/metric_names", {
    "search[]": "up",
    include_metadata: "1",
  });
  ok((await form.text()).includes('"help":"Up."'));
});

for (const [path, error] of [
  ["label_values", 'missing required parameter "label"'],
  ["metric_names?fuzz_threshold=101", 'invalid fuzz_threshold "101": must be 0-100'],
  ["metric_names?fuzz_alg=x", 'unsupported fuzz_alg "x": must be one of [subsequence jarowinkler]'],
  ["label_names?case_sensitive=x", 'invalid case_sensitive "x": must be boolean'],
  ["label_names?include_score=x", 'invalid include_score "x": must be boolean'],
  ["metric_names?include_metadata=x", 'invalid include_metadata "x": must be boolean'],
  ["label_names?sort_dir=asc", "sort_dir is only valid when sort_by is set"],
  ["label_names?sort_by=score&sort_dir=asc", "sort_dir is not supported for sort_by=score"],
  ["label_names?sort_by=alpha&sort_dir=up", 'invalid sort_dir "up": must be "asc" or "dsc"'],
  ["label_names?sort_by=score", "sort_by=score requires search[] to be set"],
  ["label_names?sort_by=x", 'invalid sort_by "x" for label_names: must be "alpha" or "score"'],
  ["label_names?limit=-1", 'invalid limit "-1": must be non-negative integer'],
  ["label_names?batch_size=x", 'invalid batch_size "x": must be non-negative integer'],
  [
    "label_names?start=x",
    'invalid parameter "start": invalid time value for \'start\': cannot parse "x" to a valid timestamp',
  ],
] as const)
  test(`search/${path} is refused`, async () => {
    const { status, body } = await new HttpWorld().ask(`search/${path}`);
    deepEqual([status, body], [400, { status: "error", errorType: "bad_data", error }]);
  });

const close = (a: number, b: number): boolean => Math.abs(a - b) < 1e-9;

test("the measures give the numbers that are known of them", () => {
  for (const [a, b, score] of [
    ["MARTHA", "MARHTA", 0.9611111111],
    ["DWAYNE", "DUANE", 0.84],
    ["DIXON", "DICKSONX", 0.8133333333],
    ["a", "b", 0],
    ["é漢", "é漢", 1],
  ] as const)
    ok(close(jaroWinklerScore(a)(b), score), `${a} ${b} ${jaroWinklerScore(a)(b)}`);
  // Two runs of two in six characters with a gap of one behind each: (4 + 4 - 1/6 - 1/6/2) / 16.
  ok(close(subsequenceScore("abcd")("abxcdx"), (8 - 1 / 6 - 1 / 12) / 16));
  // The later place is the better one.
  ok(close(subsequenceScore("ab")("axab"), (4 - 2 / 4) / 4));
  equal(subsequenceScore("ba")("ab"), 0);
});

test("scores are from 0 to 1, and whole ones are for the term itself", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string(), (term, text) => {
      for (const score of [subsequenceScore(term)(text), jaroWinklerScore(term)(text)])
        ok(score >= 0 && score <= 1);
      equal(subsequenceScore(term)(term + text), 1);
      equal(jaroWinklerScore(term)(term), 1);
      if (jaroWinklerScore(term)(text) === 1) equal(text, term);
    }),
  );
});

test("what scores as a subsequence is one", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "é", "😀") });
  fc.assert(
    fc.property(letters, letters, (term, text) => {
      fc.pre(term !== "");
      const rest = [...text];
      const isSubsequence = [...term].every((character) => {
        const at = rest.indexOf(character);
        rest.splice(0, at + 1);
        return at >= 0;
      });
      // A term with far between characters may score nothing.
      if (!isSubsequence) equal(subsequenceScore(term)(text), 0);
    }),
  );
});
