import { deepEqual, equal, rejects } from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { OperatingError } from "@pharos/base";
import { blobStoreConformance } from "@pharos/testing";
import { directoryBlobStore } from "../src/node/directory-blob-store.ts";

const folders: string[] = [];
after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "pharos-blobs-"));
  folders.push(folder);
  return folder;
}

const { signal } = new AbortController();

blobStoreConformance("directoryBlobStore", async () => directoryBlobStore(await temporaryFolder()));

test("blobs are found again by the next process, and its unfinished uploads are not", async () => {
  const folder = await temporaryFolder();
  const first = directoryBlobStore(folder);
  await first.put("a/b", [new Uint8Array([1, 2])], signal);
  await writeFile(join(folder, ".uploads", "7"), "half");

  const second = directoryBlobStore(folder);
  deepEqual(await second.get("a/b", null, signal), new Uint8Array([1, 2]));
  deepEqual(await readdir(join(folder, ".uploads")), ["7"]); // Who only reads changes nothing.
  await second.put("c", [], signal);
  deepEqual(await readdir(join(folder, ".uploads")), []);
});

test("a blob is a plain file with its key as path", async () => {
  const folder = await temporaryFolder();
  const store = directoryBlobStore(folder);
  await store.put("a/b", [new Uint8Array([65])], signal);
  deepEqual((await readdir(folder)).sort(), [".uploads", "a"]);
  deepEqual(await readdir(join(folder, "a")), ["b"]);
});

test("folders that have become empty are removed", async () => {
  const folder = await temporaryFolder();
  const store = directoryBlobStore(folder);
  await store.put("a/b/c", [], signal);
  await store.delete("a/b/c", signal);
  deepEqual(await readdir(folder), [".uploads"]);
});

test("what somebody else put there is left out of lists unless it is a file", async () => {
  const folder = await temporaryFolder();
  const store = directoryBlobStore(folder);
  await mkdir(join(folder, "empty"));
  await writeFile(join(folder, "theirs.txt"), "x");
  await writeFile(join(folder, ".hidden"), "x");
  await symlink("nowhere", join(folder, "link"));
  const { blobs } = await store.list("", { limit: 10 }, signal);
  deepEqual(blobs, [{ key: "theirs.txt", size: 1 }]);
});

test("a folder that cannot be reached is unavailable, not empty and not a bug", async () => {
  const unavailable = (error: unknown): boolean =>
    error instanceof OperatingError && error.code === "blob.unavailable";
  const missing = directoryBlobStore("/proc/none/archive");
  await rejects(missing.put("a", [], signal), unavailable);
  await rejects(missing.put("a", [], signal), unavailable);

  const folder = await temporaryFolder();
  const store = directoryBlobStore(folder);
  await writeFile(join(folder, "file"), "");
  await rejects(store.put("file/below", [], signal), unavailable);
  equal(await store.head("file/below", signal), undefined);
});
