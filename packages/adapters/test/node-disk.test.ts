import { throws } from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { OperatingError } from "@pharos/base";
import { diskConformance } from "@pharos/testing";
import { nodeDisk } from "../src/node/node-disk.ts";

const folders: string[] = [];
after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "pharos-disk-"));
  folders.push(folder);
  return folder;
}

diskConformance("nodeDisk", async () => nodeDisk(await temporaryFolder()));

test("a path cannot leave the disk", async () => {
  const disk = nodeDisk(await temporaryFolder());
  throws(() => disk.read("../secret"), /stays inside the disk/);
});

test("a folder that cannot be made is a failure that names it", () => {
  throws(
    () => nodeDisk("/proc/pharos/data"),
    (error) => error instanceof OperatingError && /\/proc\/pharos/.test(error.message),
  );
});
