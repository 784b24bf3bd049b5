// The scripts are in Prometheus's own test language and run on the store that the server uses, so that they show what
// engine and store answer together.
import { equal, ok } from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { createEngine } from "@pharos/promql/engine";
import { SimClock } from "@pharos/testing";
import { parsePromqlTest, runPromqlTest } from "@pharos/testing/promqltest";
import { openEngineTarget } from "../src/promqltest-target.ts";

const folder = new URL("scripts/", import.meta.url);

for (const file of (await readdir(folder)).toSorted())
  test(`every evaluation of ${file} gives what it says`, async (t) => {
    const text = await readFile(new URL(file, folder), "utf8");
    await using target = await openEngineTarget(createEngine({ clock: new SimClock() }));
    const reports = await runPromqlTest(parsePromqlTest(text, file), target);
    ok(reports.length > 0, "the script evaluates something");
    for (const { line, expr, status, expected, got } of reports)
      await t.test(`line ${line}: ${expr}`, () => {
        equal(status, "passed", `expected ${expected}\ngot ${got}`);
      });
  });
