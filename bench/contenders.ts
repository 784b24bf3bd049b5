// The three servers of every comparison, each with the settings that its users have.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { delimiter, dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import type { Launch, Program, ServerProcess } from "./server-process.ts";

const ROOT = resolve(import.meta.dirname, "..");
const MERGE_WITHIN_SECONDS = 600;

/** A server that takes samples by remote write and answers Prometheus's query API. */
export interface Contender extends Program {
  readonly writePath: string;
  /**
   * Moves all samples to where they lie for good, merged as far as they can be, and answers which folder holds them: its
   * size is what they cost. Nothing is sent meanwhile.
   */
  settle(server: ServerProcess): Promise<string>;
}

export const pharos: Contender = {
  name: "pharos",
  async command({ port, folder, config, flags }) {
    const configFile = join(folder, "config.yml");
    await writeFile(configFile, config);
    return [
      // As users start it: the launcher becomes the server.
      ...[resolve(ROOT, "pharos"), "serve", "--listen", `127.0.0.1:${port}`],
      ...["--data", join(folder, "data"), "--config", configFile, "--log-level", "warn", ...flags],
    ];
  },
  readyPath: "/-/ready",
  writePath: "/api/v1/write",
  version: () => `pharos on Node ${process.version}`,
  async settle(server) {
    await server.ask("/api/v1/admin/tsdb/flush", { method: "POST" });
    await server.ask("/api/v1/admin/tsdb/compact", { method: "POST" });
    await server.quiet();
    return join(server.folder, "data");
  },
};

export const victoriaMetrics: Contender = {
  name: "victoria-metrics",
  async command({ port, folder, flags }) {
    const program = findProgram("victoria-metrics");
    return program === undefined
      ? undefined
      : [
          program,
          `-storageDataPath=${join(folder, "data")}`,
          `-httpListenAddr=127.0.0.1:${port}`,
          "-loggerLevel=ERROR",
          // Without it the newest 30 s cannot be counted back.
          "-search.latencyOffset=0s",
          ...flags,
        ];
  },
  readyPath: "/health",
  writePath: "/api/v1/write",
  version: () => `victoria-metrics ${packageVersion("victoria-metrics")}`,
  async settle(server) {
    await server.ask("/internal/force_flush");
    await server.ask("/internal/force_merge");
    // The merge goes on after the answer. It has begun within a second; the metric falls to 0 when it is done.
    for (let waited = 0; waited < MERGE_WITHIN_SECONDS; waited++) {
      await sleep(1000);
      if (!/^vm_active_force_merges [1-9]/m.test(await server.ask("/metrics"))) break;
    }
    await server.quiet();
    return join(server.folder, "data");
  },
};

export const prometheus: Contender = {
  name: "prometheus",
  async command({ port, folder, config, flags }: Launch) {
    const program = findProgram("prometheus");
    const configFile = join(folder, "config.yml");
    await writeFile(configFile, config);
    return program === undefined
      ? undefined
      : [
          program,
          ...[`--config.file=${configFile}`, `--storage.tsdb.path=${join(folder, "data")}`],
          ...[`--web.listen-address=127.0.0.1:${port}`, "--web.enable-remote-write-receiver"],
          ...["--web.enable-admin-api", "--log.level=error", ...flags],
        ];
  },
  readyPath: "/-/ready",
  writePath: "/api/v1/write",
  version: () => versionOf("prometheus", "--version"),
  // A snapshot is its blocks and one more with all that is in the head: smaller than the folder, which has the log too.
  async settle(server) {
    await server.quiet();
    const answer = await server.ask("/api/v1/admin/tsdb/snapshot", { method: "POST" });
    const { data } = JSON.parse(answer) as { data: { name: string } };
    await server.quiet();
    return join(server.folder, "data/snapshots", data.name);
  },
};

export const CONTENDERS: readonly Contender[] = [pharos, victoriaMetrics, prometheus];

/** A program of this machine, or the one that scripts/services.sh unpacked. */
export function findProgram(name: string): string | undefined {
  const folders = [
    ...(process.env["PATH"] ?? "").split(delimiter),
    resolve(ROOT, ".setup/debian/usr/bin"),
  ];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** The first line that the program prints about itself. */
export function versionOf(name: string, flag: string): string {
  const program = findProgram(name);
  if (program === undefined) return `${name} is missing`;
  const { stdout, stderr } = spawnSync(program, [flag], { encoding: "utf8" });
  return (stdout || stderr).split("\n", 1)[0] || `${name}, of no known version`;
}

/** What Debian's changelog beside the program says: its own `-version` prints nothing. */
function packageVersion(name: string): string {
  const program = findProgram(name);
  if (program === undefined) return "is missing";
  const folder = resolve(dirname(program), "../share/doc", name);
  const file = existsSync(folder)
    ? readdirSync(folder).find((each) => each.startsWith("changelog.Debian"))
    : undefined;
  if (file === undefined) return "of no known version";
  const text = gunzipSync(readFileSync(join(folder, file))).toString();
  return /\(([^)]+)\)/.exec(text)?.[1] ?? "of no known version";
}
