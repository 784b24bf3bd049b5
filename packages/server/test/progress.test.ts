import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { Progress } from "../src/progress.ts";

/** An output that remembers, and a clock that the test moves. */
function setUp(isTTY: boolean) {
  const written: string[] = [];
  const output = { isTTY, columns: 60, write: (text: string) => written.push(text) };
  const clock = { ms: 0 };
  return { written, clock, progress: new Progress(output, () => clock.ms) };
}

test("a terminal gets a bar that is drawn again in its place, not more often than can be seen", () => {
  const { written, clock, progress } = setUp(true);
  let asked = 0;
  for (; clock.ms < 1000; clock.ms += 10)
    progress.show({
      title: "reading",
      part: clock.ms / 1000,
      detail: () => {
        asked++;
        return "some";
      },
    });
  equal(asked, 10);
  equal(written.length, 10);
  equal(written[5], `\r\x1b[K${"█".repeat(12)}${"░".repeat(12)}  50 %  reading  some`);
  progress.clear();
  equal(written.at(-1), "\r\x1b[K");
});

test("a line is never longer than the terminal is wide", () => {
  const { written, progress } = setUp(true);
  progress.show({ title: "x".repeat(100), part: 2, detail: "" });
  equal(written[0]?.length, "\r\x1b[K".length + 59);
});

test("elsewhere there is a line for each stage, and one every ten seconds", () => {
  const { written, clock, progress } = setUp(false);
  for (; clock.ms < 25_000; clock.ms += 1000)
    progress.show({
      title: clock.ms < 5000 ? "first" : "second",
      part: clock.ms < 5000 ? undefined : clock.ms / 25_000,
      detail: "some",
    });
  progress.clear();
  deepEqual(written, ["first, some\n", "second, 20 %, some\n", "second, 60 %, some\n"]);
});
