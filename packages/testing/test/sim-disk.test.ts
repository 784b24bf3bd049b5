import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError, seededRng } from "@pharos/base";
import { diskConformance } from "../src/conformance/disk.ts";
import { SimDisk } from "../src/sim-disk.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (content: Uint8Array): string => new TextDecoder().decode(content);

diskConformance("SimDisk", async () => new SimDisk(seededRng(1)));

test("a killed process leaves all that it wrote", () => {
  const disk = new SimDisk(seededRng(1));
  disk.openAppend("log").append([bytes("written, not synced")]);
  equal(text(disk.kill().read("log")), "written, not synced");
});

test("what the dead process still does, the next one does not see", () => {
  const disk = new SimDisk(seededRng(1));
  const writer = disk.openAppend("log");
  writer.append([bytes("before")]);
  const next = disk.kill();
  writer.append([bytes(" after")]);
  equal(text(next.read("log")), "before");
});

test("a power cut keeps what was synced and at most the rest", async () => {
  const seen = new Set<number>();
  for (let seed = 0; seed < 200; seed++) {
    const disk = new SimDisk(seededRng(seed));
    const writer = disk.openAppend("log");
    writer.append([bytes("synced")]);
    await writer.sync();
    await disk.syncDirectory("");
    writer.append([bytes("lost?")]);
    const after = disk.crash().read("log");
    equal(text(after.subarray(0, 6)), "synced");
    ok(after.length <= 11);
    seen.add(after.length);
  }
  equal(seen.size, 6, "every length from all lost to all kept comes up");
});

test("a name whose folder was not synced may be lost with the power", async () => {
  let lost = 0;
  for (let seed = 0; seed < 50; seed++) {
    const disk = new SimDisk(seededRng(seed));
    const writer = disk.openAppend("log");
    writer.append([bytes("x")]);
    await writer.sync();
    if (!disk.crash().exists("log")) lost++;
  }
  ok(lost > 0 && lost < 50, `${lost} of 50 were lost`);
});

test("a folder that was renamed and synced keeps its synced files", async () => {
  for (let seed = 0; seed < 50; seed++) {
    const disk = new SimDisk(seededRng(seed));
    disk.makeDirectory("blocks/one.tmp");
    const writer = disk.openAppend("blocks/one.tmp/index");
    writer.append([bytes("index")]);
    await writer.sync();
    await disk.syncDirectory("blocks/one.tmp");
    await disk.syncDirectory("blocks");
    await disk.syncDirectory("");
    disk.rename("blocks/one.tmp", "blocks/one");
    await disk.syncDirectory("blocks");
    const after = disk.crash();
    equal(text(after.read("blocks/one/index")), "index", `seed ${seed}`);
    deepEqual(after.list("blocks"), ["one"]);
  }
});

test("a full disk takes what fits, says so, and takes more when space returns", () => {
  const disk = new SimDisk(seededRng(1));
  const writer = disk.openAppend("log");
  disk.freeSize = 3;
  throws(
    () => writer.append([bytes("abcdef")]),
    (error) => error instanceof OperatingError && error.code === "disk.full",
  );
  equal(writer.size, 3, "a part of it is there");
  writer.truncate(0);
  disk.freeSize = 100;
  writer.append([bytes("ok")]);
  equal(text(disk.read("log")), "ok");
});
