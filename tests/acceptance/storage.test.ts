// What an administrator does to what is stored: with the real server over HTTP, and with `./pharos tsdb` beside it.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { run } from "../harness/child.ts";
import { PharosProcess, pharosCommand, temporaryFolder } from "../harness/pharos-process.ts";

/** Nothing but what the test writes. */
const QUIET = "scrape_configs: []\n";
const HOSTS = ["a", "b", "c"];
const ROUNDS = 240;
const STEP_MS = 15_000;

async function post(pharos: PharosProcess, action: string): Promise<unknown> {
  const response = await fetch(`${pharos.url}/api/v1/admin/tsdb/${action}`, { method: "POST" });
  const text = await response.text();
  ok(response.ok, `${action}: ${response.status} ${text}`);
  return text === "" ? response.status : (JSON.parse(text) as { data: unknown }).data;
}

/** An hour of some gauges, ending now. */
async function write(pharos: PharosProcess, endMs: number): Promise<void> {
  const metrics = HOSTS.flatMap((host, at) =>
    Array.from({ length: ROUNDS }, (_, round) => ({
      name: "load",
      labels: { host },
      timestamp: endMs - (ROUNDS - 1 - round) * STEP_MS,
      value: at * 1000 + (round % 7),
    })),
  );
  const response = await fetch(`${pharos.url}/api/v1/metrics`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ metrics }),
  });
  ok(response.ok, await response.text());
}

/** How many samples each host has, as PromQL counts them. */
async function counts(pharos: PharosProcess, endMs: number): Promise<Record<string, number>> {
  const { result } = await pharos.api<{
    result: readonly { metric: { host: string }; value: [number, string] }[];
  }>("query", { query: "count_over_time(load[2h])", time: String(endMs / 1000) });
  return Object.fromEntries(result.map(({ metric, value }) => [metric.host, Number(value[1])]));
}

function tsdb(...args: readonly string[]) {
  const [program, all] = pharosCommand("tsdb", ...args);
  return run(program, all);
}

test("what is stored can be flushed, merged, copied, deleted and verified", async () => {
  await using folder = await temporaryFolder();
  await using pharos = await PharosProcess.start({ folder: folder.path, config: QUIET });
  const data = join(folder.path, "data");
  const endMs = Math.floor(Date.now() / 1000) * 1000;
  await write(pharos, endMs);
  const all = Object.fromEntries(HOSTS.map((host) => [host, ROUNDS]));
  deepEqual(await counts(pharos, endMs), all);

  type Change = Record<"before" | "after", { blocks: number; walBytes: number }>;
  const flushed = (await post(pharos, "flush")) as Change;
  equal(flushed.before.blocks, 0);
  ok(flushed.after.blocks >= 1);
  ok(flushed.after.walBytes < 100, `${flushed.after.walBytes} bytes are left in the log`);
  const merged = (await post(pharos, "compact")) as Change;
  ok(merged.after.blocks <= flushed.after.blocks);
  deepEqual(await counts(pharos, endMs), all, "after flush and compact");

  const { name } = (await post(pharos, "snapshot")) as { name: string };
  match(name, /^\d{8}T\d{6}Z-[0-9a-f]{16}$/);
  equal(await post(pharos, 'delete_series?match[]=load{host="b"}'), 204);
  deepEqual(await counts(pharos, endMs), { a: ROUNDS, c: ROUNDS }, "after the deletion");
  equal(await post(pharos, "clean_tombstones"), 204);
  deepEqual(await counts(pharos, endMs), { a: ROUNDS, c: ROUNDS }, "after its bytes are gone");

  const live = await tsdb("verify", data);
  equal(live.code, 0, live.stdout);
  match(
    live.stdout,
    /^1 block with 480 samples, \d rollup blocks? with \d+ rows, 1 log segment with 0 samples: all well\n$/,
  );
  const refused = await tsdb("snapshot", data);
  equal(refused.code, 1);
  match(refused.stderr, /uses this data folder: ask the server for a snapshot, POST/);
  equal(await pharos.stop("SIGTERM"), 0);

  // A copy of the snapshot is a data folder: with what was deleted since.
  await using other = await temporaryFolder();
  await cp(join(data, "snapshots", name), join(other.path, "data"), { recursive: true });
  await using restored = await PharosProcess.start({ folder: other.path, config: QUIET });
  deepEqual(await counts(restored, endMs), all, "from the snapshot");
});

test("a snapshot without what is in memory has the blocks only; one of a stopped server has all", async () => {
  await using folder = await temporaryFolder();
  await using pharos = await PharosProcess.start({ folder: folder.path, config: QUIET });
  const data = join(folder.path, "data");
  const endMs = Math.floor(Date.now() / 1000) * 1000;
  await write(pharos, endMs);
  const { name } = (await post(pharos, "snapshot?skip_head=true")) as { name: string };
  deepEqual(await readdir(join(data, "snapshots", name, "blocks")), []);
  equal(await pharos.stop("SIGTERM"), 0);

  const { code, stdout, stderr } = await tsdb("snapshot", data);
  equal(code, 0, stderr);
  const dumped = await tsdb("dump", stdout.trim(), "--match", 'load{host="a"}');
  equal(dumped.stdout.trimEnd().split("\n").length, ROUNDS);
  match(dumped.stdout, /^\{__name__="load", host="a"\} 0 \d+\n/);
  const text = await tsdb(
    "dump",
    stdout.trim(),
    "--format",
    "openmetrics",
    "--min-time",
    `${endMs}`,
  );
  deepEqual(text.stdout.trimEnd().split("\n"), [
    ...HOSTS.map(
      (host, at) => `load{host="${host}"} ${at * 1000 + ((ROUNDS - 1) % 7)} ${endMs / 1000}`,
    ),
    "# EOF",
  ]);
  const listed = (await tsdb("list", stdout.trim())).stdout.trimEnd().split("\n");
  match(listed[0] ?? "", /^block +from +to +series +samples +bytes$/);
  const sampleCounts = listed
    .filter((line) => line.startsWith("blocks/"))
    .map((line) => Number(line.split(/ +/)[4]));
  equal(
    sampleCounts.reduce((sum, count) => sum + count, 0),
    HOSTS.length * ROUNDS,
  );
  const analyzed = await tsdb("analyze", "--json", stdout.trim());
  const { blocks, problems } = JSON.parse(analyzed.stdout) as {
    blocks: { directory: string; samples: number; series: number }[];
    problems: string[];
  };
  deepEqual(problems, []);
  const raw = blocks.filter(({ directory }) => directory === "blocks");
  equal(
    raw.reduce((sum, { samples }) => sum + samples, 0),
    HOSTS.length * ROUNDS,
  );
});

test("verify names the file and the byte that changed, and what is lost, and ends with 1", async () => {
  await using folder = await temporaryFolder();
  await using pharos = await PharosProcess.start({ folder: folder.path, config: QUIET });
  await write(pharos, Math.floor(Date.now() / 1000) * 1000);
  await post(pharos, "flush");
  equal(await pharos.stop("SIGTERM"), 0);
  const blocks = join(folder.path, "data/blocks");
  const [block = ""] = await readdir(blocks);
  const path = join(blocks, block, "columns");
  const bytes = await readFile(path);
  // Whose samples lie there depends on how much of the two hours is over.
  bytes[60] = (bytes[60] ?? 0) ^ 1;
  await writeFile(path, bytes);

  const { code, stdout, stderr } = await tsdb("verify", join(folder.path, "data"));
  equal(code, 1, stderr);
  match(
    stdout,
    new RegExp(`^blocks/${block}/columns: .*byte \\d+: the checksum does not match$`, "m"),
  );
  match(stdout, /^ {2}lost: samples of load\{host="[abc]"\} from 20\S+Z to 20\S+Z$/m);
  match(stdout, /: \d problems?\n$/);

  const nothing = await tsdb("verify", join(folder.path, "nowhere"));
  equal(nothing.code, 1);
  match(nothing.stderr, /is no data folder of Pharos/);
});
