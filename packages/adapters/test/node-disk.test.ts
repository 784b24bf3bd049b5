import { throws } from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
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
