import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { createLogger, type Logger } from "../src/log.ts";
import type { LogLevel } from "../src/options.ts";

/** What is logged by `write`, a line each. */
function logged(
  level: LogLevel,
  format: "text" | "json",
  write: (log: Logger) => void,
): readonly string[] {
  const lines: string[] = [];
  write(createLogger(level, format, (line) => lines.push(line)));
  return lines;
}

test("a line for people is time, level, message and fields, quoted where they hold blanks", () => {
  const [line = ""] = logged("info", "text", (log) =>
    log.warn({ code: "disk.full", error: "no space", ms: 12 }, "keeping alerts"),
  );
  match(
    line,
    /^\d{4}-\d\d-\d\dT[\d:.]+Z WARN {2}keeping alerts code=disk\.full error="no space" ms=12\n$/,
  );
});

test("a line stays one line, whatever is in it", () => {
  const [line = ""] = logged("info", "text", (log) =>
    log.error({ error: new Error("first\nsecond") }, "a bug"),
  );
  equal(line.indexOf("\n"), line.length - 1, line);
  match(line, /error="first\\nsecond"/);
});

test("a line for machines is JSON with the same fields", () => {
  const [line = ""] = logged("info", "json", (log) =>
    log.info({ samples: 3 }, "read the log back"),
  );
  const { level, message, samples } = JSON.parse(line) as Record<string, unknown>;
  deepEqual({ level, message, samples }, { level: 30, message: "read the log back", samples: 3 });
});

test("what is less severe than the level is not logged", () => {
  const lines = logged("warn", "text", (log) => {
    log.info("quiet");
    log.error("loud");
  });
  equal(lines.length, 1);
});
