// The files that the documents show, checked as their readers check them.
import { equal, match } from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import { findProgram, run, skipWithout } from "../harness/child.ts";

const launcher = resolve(import.meta.dirname, "../../pharos");
const folder = "docs/examples";

/** What a command says that ends well. */
async function says(program: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(program, args);
  equal(code, 0, stdout + stderr);
  return stdout;
}

test("the example of a configuration has rules, routes and people on call, and nothing that is not supported", async () => {
  const config = await says(launcher, "check", "config", `${folder}/prometheus.yml`);
  equal(config, `${folder}/prometheus.yml: ok, 2 scrape jobs, 6 rules found\n`);
  match(
    await says(launcher, "check", "alertmanager", `${folder}/alertmanager.yml`),
    /SUCCESS\nFound:\n - global config\n - route\n - 1 inhibit rules\n - 2 receivers\n/,
  );
  const oncall = ["check", "oncall", `${folder}/oncall.yml`];
  await says(launcher, ...oncall, "--alertmanager-config", `${folder}/alertmanager.yml`);
});

test("the example's rules fire as its tests say", async () => {
  match(await says(launcher, "test", "rules", `${folder}/rules-test.yml`), /2 of 2 tests passed/);
});

const promtool = findProgram("promtool") ?? "";
test("the examples are what promtool reads, too", { skip: skipWithout("promtool") }, async () => {
  await says(promtool, "check", "config", `${folder}/prometheus.yml`);
  match(await says(promtool, "test", "rules", `${folder}/rules-test.yml`), /SUCCESS/);
});

const amtool = findProgram("amtool") ?? "";
test("the example of routes is what amtool reads, too", {
  skip: skipWithout("amtool"),
}, async () => {
  await says(amtool, "check-config", `${folder}/alertmanager.yml`);
});
