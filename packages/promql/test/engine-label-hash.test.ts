import { equal } from "node:assert/strict";
import { test } from "node:test";
import { xxHash64 } from "../src/engine/label-hash.ts";

const hashOf = (text: string): string =>
  xxHash64(new TextEncoder().encode(text)).toString(16).padStart(16, "0");

test("xxHash64 gives the published hashes, for texts of every branch of the algorithm", () => {
  equal(hashOf(""), "ef46db3751d8e999");
  equal(hashOf("a"), "d24ec4f1a98c6e5b");
  equal(hashOf("abc"), "44bc2cf5ad770999");
  equal(hashOf("The quick brown fox jumps over the lazy dog"), "0b242d361fda71bc");
});
