import { equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { hostReader } from "../src/host-reader.ts";

test("the files and disks of this machine are read as they are", () => {
  const reader = hostReader(7);
  const here = import.meta.filename;
  equal(reader.readFile(here), readFileSync(here, "utf8"));
  const space = reader.fileSystemSpace(tmpdir());
  ok(space !== undefined && space.blockSize > 0 && space.blocks >= space.blocksFree);
  equal(reader.nowMs, 7);
});

test("what cannot be read is not there", () => {
  const reader = hostReader(0);
  equal(reader.readFile("/proc/no/such/file"), undefined);
  equal(reader.readFile("/"), undefined, "a folder");
  equal(reader.fileSystemSpace("/no/such/mount"), undefined);
});
