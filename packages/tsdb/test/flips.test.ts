// `npm run sim -- --flips` changes every byte.
import { ok } from "node:assert/strict";
import { test } from "node:test";
import { flipEveryByte } from "./flip-world.ts";

test("a changed byte in any file of a data folder is found and named, gives no wrong answer, and costs what it hits", async () => {
  const { bytes, files, lossless } = await flipEveryByte(101);
  ok(files > 20 && bytes > 100 && lossless > bytes / 4, `${bytes} of ${files}, ${lossless}`);
});
