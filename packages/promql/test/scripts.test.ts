import { equal, ok } from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { createEngine } from "@pharos/promql/engine";
import { parsePromqlTest, runPromqlTest, SimClock } from "@pharos/testing";
import { EngineTarget } from "./script-target.ts";

const folder = new URL("scripts/", import.meta.url);

for (const file of (await readdir(folder)).toSorted())
  test(`every evaluation of ${file} gives what it says`, async (t) => {
    const text = await readFile(new URL(file, folder), "utf8");
    const target = new EngineTarget(createEngine({ clock: new SimClock() }));
    const reports = await runPromqlTest(parsePromqlTest(text, file), target);
    ok(reports.length > 0);
    for (const { line, expr, status, expected, got } of reports)
      await t.test(`line ${line}: ${expr}`, () => {
        equal(status, "passed", `expected ${expected}\ngot ${got}`);
      });
  });
