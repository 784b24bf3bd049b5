import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { OperatingError } from "@pharos/base";
import type { Disk } from "@pharos/ports";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (content: Uint8Array): string => new TextDecoder().decode(content);

function write(disk: Disk, path: string, content: string): void {
  const writer = disk.openAppend(path);
  writer.append([bytes(content)]);
  writer.close();
}

const isNotFound = (error: unknown): boolean =>
  error instanceof OperatingError && error.code === "not_found";

/** What `Disk` promises while the machine lives, as tests. What survives its death is `SimDisk`'s own business. */
export function diskConformance(name: string, open: () => Promise<Disk>): void {
  describe(`${name} keeps the Disk contract`, () => {
    test("parts are appended in order, after what was there", async () => {
      const disk = await open();
      write(disk, "log", "ab");
      const writer = disk.openAppend("log");
      equal(writer.size, 2);
      writer.append([bytes("c"), bytes(""), bytes("de")]);
      equal(writer.size, 5);
      writer.close();
      equal(text(disk.read("log")), "abcde");
    });

    test("many parts are written by one call", async () => {
      const disk = await open();
      const writer = disk.openAppend("log");
      writer.append(Array.from({ length: 3000 }, (_, at) => bytes(String(at % 10))));
      writer.close();
      equal(disk.read("log").length, 3000);
      equal(text(disk.read("log").subarray(2995)), "56789");
    });

    test("a truncated file ends there, and appending goes on from there", async () => {
      const disk = await open();
      write(disk, "log", "abcdef");
      const writer = disk.openAppend("log");
      writer.truncate(2);
      writer.append([bytes("x")]);
      writer.close();
      equal(text(disk.read("log")), "abx");
    });

    test("a read gives the bytes at an offset, fewer at the end", async () => {
      const disk = await open();
      write(disk, "file", "0123456789");
      const reader = disk.openRead("file");
      equal(reader.size, 10);
      equal(text(reader.read(3, 4)), "3456");
      equal(text(reader.read(8, 4)), "89");
      equal(reader.read(20, 4).length, 0);
      reader.close();
    });

    test("a file that is not there is not found", async () => {
      const disk = await open();
      throws(() => disk.read("none"), isNotFound);
      throws(() => disk.openRead("none"), isNotFound);
      equal(disk.exists("none"), false);
      deepEqual(disk.list("none"), []);
    });

    test("folders are made with those above them, and listed sorted", async () => {
      const disk = await open();
      disk.makeDirectory("a/b/c");
      write(disk, "a/b/z", "1");
      write(disk, "a/b/d", "2");
      deepEqual(disk.list("a/b"), ["c", "d", "z"]);
      deepEqual(disk.list("a"), ["b"]);
      deepEqual(disk.list(""), ["a"]);
    });

    test("a rename replaces a file at once", async () => {
      const disk = await open();
      write(disk, "old", "old");
      write(disk, "new", "new");
      disk.rename("new", "old");
      equal(text(disk.read("old")), "new");
      equal(disk.exists("new"), false);
    });

    test("a rename moves a whole folder", async () => {
      const disk = await open();
      disk.makeDirectory("blocks/one.tmp");
      write(disk, "blocks/one.tmp/index", "i");
      disk.rename("blocks/one.tmp", "blocks/one");
      equal(text(disk.read("blocks/one/index")), "i");
      deepEqual(disk.list("blocks"), ["one"]);
    });

    test("removing takes a file or a whole folder, and nothing where there is none", async () => {
      const disk = await open();
      disk.makeDirectory("folder/inner");
      write(disk, "folder/inner/file", "x");
      disk.remove("folder");
      equal(disk.exists("folder/inner/file"), false);
      disk.remove("folder");
    });

    test("the free space is a number of bytes", async () => {
      const disk = await open();
      ok(disk.freeSpace() > 0, `${disk.freeSpace()} bytes`);
    });

    test("sync and syncDirectory resolve, also when the file is closed meanwhile", async () => {
      const disk = await open();
      const writer = disk.openAppend("log");
      writer.append([bytes("x")]);
      const synced = writer.sync();
      writer.close();
      await synced;
      await disk.syncDirectory("");
    });
  });
}
