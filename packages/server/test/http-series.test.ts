import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { unescapeName } from "../src/http/series-routes.ts";
import { HttpWorld, NOW_SECONDS } from "./http-world.ts";

async function filled(): Promise<HttpWorld> {
  const world = new HttpWorld();
  await world.write({ __name__: "up", job: "api" }, 60, () => 1);
  await world.write({ __name__: "up", job: "web" }, 60, () => 0);
  await world.write({ __name__: "cpu.load", host: "a", "http.code": "200" }, 60, () => 0);
  return world;
}

test("series are listed by selector, each once", async () => {
  const world = await filled();
  const expected = [
    { __name__: "up", job: "api" },
    { __name__: "up", job: "web" },
  ];
  deepEqual(await world.data("series?match[]=up&match[]={job='api'}"), expected);
  const form = new URLSearchParams([["match[]", "up"]]);
  const response = await world.post("/api/v1/series", form);
  deepEqual(((await response.json()) as { data: unknown }).data, expected);
});

test("series outside the time range are left out", async () => {
  const world = await filled();
  deepEqual(await world.data(`series?match[]=up&end=${NOW_SECONDS - 3600}`), []);
  const all = "start=-292273086-05-16T16:47:06Z&end=292277025-08-18T07:12:54.999999999Z";
  equal(((await world.data(`series?match[]=up&${all}`)) as unknown[]).length, 2);
});

test("label names and values are sorted lists", async () => {
  const world = await filled();
  deepEqual(await world.data("labels"), ["__name__", "host", "http.code", "job"]);
  deepEqual(await world.data("labels?match[]=up"), ["__name__", "job"]);
  deepEqual(await world.data("label/job/values"), ["api", "web"]);
  deepEqual(await world.data("label/__name__/values"), ["cpu.load", "up"]);
  deepEqual(await world.data("label/job/values?match[]={job!='api',job!=''}"), ["web"]);
  deepEqual(await world.data("label/nothing/values"), []);
});

test("label names may be escaped", async () => {
  const world = await filled();
  deepEqual(await world.data("label/U__http_2e_code/values"), ["200"]);
  deepEqual(await world.data("label/http.code/values"), ["200"]);
  equal(unescapeName("U__a__b_2e_c"), "a_b.c");
  equal(unescapeName("U___1f525_"), "🔥");
  equal(unescapeName("U__a_zz_"), "U__a_zz_");
  equal(unescapeName("U___d800_"), "U___d800_");
  equal(unescapeName("plain__name"), "plain__name");
});

test("a limit cuts lists and says so", async () => {
  const world = await filled();
  for (const path of ["labels?limit=1", "label/job/values?limit=1", "series?match[]=up&limit=1"]) {
    const { body } = await world.ask(path);
    const { data, warnings } = body as { data: unknown[]; warnings: string[] };
    equal(data.length, 1, path);
    deepEqual(warnings, ["results truncated due to limit"], path);
  }
});

test("metric names and a metric's labels come as plain lists", async () => {
  const world = await filled();
  const names = await world.get("/api/v1/metrics/names");
  deepEqual(await names.json(), ["cpu.load", "up"]);
  const labels = await world.get("/api/v1/metrics/labels?metric=cpu.load");
  deepEqual(await labels.json(), { host: ["a"], "http.code": ["200"] });
});

test("metadata is merged over targets and can be limited", async () => {
  const world = new HttpWorld();
  const up = { metric: "up", type: "gauge", help: "Is it up.", unit: "" };
  const cpu = { metric: "cpu_seconds", type: "counter", help: "CPU.", unit: "seconds" };
  world.metadata = [
    { ...up, target: [["job", "a"]] },
    { ...up, target: [["job", "b"]] },
    { ...up, help: "Another.", target: [["job", "b"]] },
    { ...cpu, target: [["job", "b"]] },
  ];
  const gauge = { type: "gauge", help: "Is it up.", unit: "" };
  deepEqual(await world.data("metadata"), {
    up: [gauge, { ...gauge, help: "Another." }],
    cpu_seconds: [{ type: "counter", help: "CPU.", unit: "seconds" }],
  });
  deepEqual(await world.data("metadata?limit=1&limit_per_metric=1"), { up: [gauge] });
  deepEqual(Object.keys((await world.data("metadata?metric=cpu_seconds")) as object), [
    "cpu_seconds",
  ]);
  deepEqual(await world.data("targets/metadata?match_target={job='a'}"), [
    { target: { job: "a" }, ...gauge, metric: "up" },
  ]);
  deepEqual(await world.data("targets/metadata?metric=cpu_seconds"), [
    { target: { job: "b" }, type: "counter", help: "CPU.", unit: "seconds" },
  ]);
});

test("federation gives the latest samples in the text format", async () => {
  const world = await filled();
  const response = await world.get("/federate?match[]=up&match[]={host='a'}");
  equal(response.status, 200);
  const at = NOW_SECONDS * 1000;
  equal(
    await response.text(),
    [
      '# TYPE "cpu.load" untyped',
      `{"cpu.load",cluster="c1",host="a","http.code"="200",instance=""} 0 ${at}`,
      "# TYPE up untyped",
      `up{cluster="c1",job="api",instance=""} 1 ${at}`,
      `up{cluster="c1",job="web",instance=""} 0 ${at}`,
      "",
    ].join("\n"),
  );
});

test("a long list is streamed, and every entry of it is there", async () => {
  const world = new HttpWorld();
  const count = 5000;
  const long = "-".repeat(40);
  for (let i = 0; i < count; i++)
    await world.write({ __name__: "many", i: `"${i}${long}` }, 1, () => i);
  const response = await world.get("/api/v1/series?match[]=many");
  equal(response.headers.get("Content-Length"), null);
  const { data } = (await response.json()) as { data: { i: string }[] };
  deepEqual(new Set(data.map(({ i }) => i)).size, count);
  const cut = (await (await world.get("/api/v1/label/i/values?limit=4000")).json()) as {
    data: string[];
    warnings: string[];
  };
  equal(cut.data.length, 4000);
  deepEqual(cut.warnings, ["results truncated due to limit"]);
});
