import { equal } from "node:assert/strict";
import { test } from "node:test";
import { errorText, OperatingError } from "../src/errors.ts";

test("an error's text has its causes, each once", () => {
  const cause = new Error("no space left");
  equal(
    errorText(new OperatingError("disk.full", "writing the log", { cause })),
    "writing the log: no space left",
  );
  equal(
    errorText(new OperatingError("disk.full", "log: no space left", { cause })),
    "log: no space left",
  );
  const lost = new Error("timed out", { cause: new Error("connection closed") });
  equal(
    errorText(new OperatingError("database.unavailable", "db: timed out", { cause: lost })),
    "db: timed out: connection closed",
  );
  equal(errorText(new Error("plain")), "plain");
  equal(errorText("thrown text"), "thrown text");
});
