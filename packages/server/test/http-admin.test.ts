// What is done to the store over HTTP, as Prometheus's clients ask it.
import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import { TIME_MS_MAX, TIME_MS_MIN } from "../src/http/parameters.ts";
import { HttpWorld, NOW_MS, NOW_SECONDS } from "./http-world.ts";

const ADMIN = "/api/v1/admin/tsdb";
const ACTIONS = ["snapshot", "delete_series", "clean_tombstones", "flush", "compact"];

async function ask(
  world: HttpWorld,
  path: string,
  init: RequestInit = {},
): Promise<{ status: number; body: unknown }> {
  const response = await world.app.request(`${ADMIN}/${path}`, { method: "POST", ...init });
  const text = await response.text();
  return { status: response.status, body: text === "" ? "" : JSON.parse(text) };
}

function problem(error: string) {
  return { status: 400, body: { status: "error", errorType: "bad_data", error } };
}

test("a snapshot answers its name, with or without what is in memory", async () => {
  const world = new HttpWorld();
  const answer = {
    status: 200,
    body: { status: "success", data: { name: "20260101T000000Z-00000000000000ff" } },
  };
  deepEqual(await ask(world, "snapshot"), answer);
  deepEqual(await ask(world, "snapshot?skip_head=true"), answer);
  deepEqual(await ask(world, "snapshot?skip_head=0", { method: "PUT" }), answer);
  deepEqual(world.administered, [
    ["snapshot", false],
    ["snapshot", true],
    ["snapshot", false],
  ]);
  deepEqual(
    await ask(world, "snapshot?skip_head=maybe"),
    problem(
      'invalid parameter "skip_head": unable to parse boolean: strconv.ParseBool: parsing "maybe": invalid syntax',
    ),
  );
});

test("each selector's series are deleted, from a URL or a form, of all time where none is given", async () => {
  const world = new HttpWorld();
  const form = new URLSearchParams([
    ["match[]", 'up{job="a"}'],
    ["match[]", '{job=~"b|c"}'],
    ["start", String(NOW_SECONDS - 60)],
    ["end", "2026-01-01T00:00:00Z"],
  ]);
  for (const method of ["POST", "PUT"])
    deepEqual(await ask(world, "delete_series", { method, body: form }), { status: 204, body: "" });
  deepEqual(await ask(world, "delete_series?match[]=up"), { status: 204, body: "" });
  const first = ["delete", 'job="a",__name__="up"', NOW_MS - 60_000, NOW_MS];
  const second = ["delete", 'job=~"b|c"', NOW_MS - 60_000, NOW_MS];
  const always = ["delete", '__name__="up"', TIME_MS_MIN, TIME_MS_MAX];
  deepEqual(world.administered, [first, second, first, second, always]);
});

test("a deletion with a mistake in it deletes nothing", async () => {
  const world = new HttpWorld();
  deepEqual(await ask(world, "delete_series"), problem("no match[] parameter provided"));
  const mistakes = {
    "match[]=up&start=soon":
      /invalid parameter "start": .*cannot parse "soon" to a valid timestamp/,
    "match[]=up&end=x": /invalid parameter "end"/,
    "match[]=up&start=20&end=10": /end time is before start time/,
    "match[]=up&match[]=up{": /invalid parameter "match\[\]"/,
    "match[]={}": /match\[\] must contain at least one non-empty matcher/,
  };
  for (const [query, wanted] of Object.entries(mistakes)) {
    const { status, body } = await ask(world, `delete_series?${query}`);
    equal(status, 400, query);
    match((body as { error: string }).error, wanted);
  }
  deepEqual(world.administered, []);
});

test("cleaning answers 204; flushing and merging say what changed", async () => {
  const world = new HttpWorld();
  deepEqual(await ask(world, "clean_tombstones", { method: "PUT" }), { status: 204, body: "" });
  const before = { blocks: 3, blockBytes: 900, rollupBlocks: 2, rollupBytes: 80, walBytes: 70 };
  const data = { before, after: { ...before, blocks: 1, blockBytes: 500 } };
  for (const action of ["flush", "compact"])
    deepEqual(await ask(world, action), { status: 200, body: { status: "success", data } });
  deepEqual(world.administered, [["clean"], ["flush"], ["compact"]]);
});

test("on an address that others reach the admin API says how it is allowed", async () => {
  const world = new HttpWorld();
  world.mayAdminister = false;
  for (const action of ACTIONS) {
    const { status, body } = await ask(world, `${action}?match[]=up`);
    equal(status, 503);
    match((body as { error: string }).error, /^admin APIs disabled: .*--enable-admin-api/);
  }
  const { api } = (await world.data("features")) as { api: { admin: boolean } };
  equal(api.admin, false);
});

test("a page of another site cannot delete; the method must be one that changes", async () => {
  const world = new HttpWorld();
  const Origin = "http://elsewhere.example";
  equal((await ask(world, "delete_series?match[]=up", { headers: { Origin } })).status, 403);
  for (const action of ACTIONS) {
    const response = await world.get(`${ADMIN}/${action}`);
    equal(response.status, 405);
    equal(response.headers.get("Allow"), "POST, PUT, OPTIONS");
  }
  deepEqual(world.administered, []);
});

test("a full disk and a queue that is full have their status", async () => {
  const world = new HttpWorld();
  for (const [code, status] of [
    ["disk.full", 507],
    ["queue.full", 503],
  ] as const) {
    world.administer = () => Promise.reject(new OperatingError(code, "no room"));
    for (const action of ACTIONS)
      equal((await ask(world, `${action}?match[]=up`)).status, status, action);
  }
});

test("blocks are listed as Prometheus lists them, with their tier and size", async () => {
  deepEqual(await new HttpWorld().data("status/tsdb/blocks"), {
    blocks: [
      {
        ulid: "0-7200000-1",
        minTime: 5,
        maxTime: 7_199_999,
        stats: { numSamples: 40, numSeries: 2, numChunks: 2, numBytes: 900 },
        compaction: { level: 1, sources: [] },
        version: 2,
        tier: "raw",
      },
    ],
  });
});

test("what retention would take is told with its bytes, and nothing is taken", async () => {
  deepEqual(await new HttpWorld().data("status/tsdb/retention"), {
    numBytes: 90,
    expired: [
      { tier: "raw", rule: 0, numSeries: 1, numSamples: 20, numBytes: 50 },
      { tier: "raw", rule: null, numSeries: 1, numSamples: 10, numBytes: 40 },
    ],
    remove: [{ tier: "raw", path: "blocks/a", minTime: 0, maxTime: 7, numBytes: 90 }],
    rewrite: [],
  });
});
