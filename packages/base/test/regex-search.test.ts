import { equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { compileRegexSearch, OperatingError } from "../src/index.ts";

test("a pattern is found anywhere in the text", () => {
  equal(compileRegexSearch("b+").found("abbc"), true);
  equal(compileRegexSearch("^b").found("abbc"), false);
  equal(compileRegexSearch("a.c").found("a\nc"), false);
});

test("every occurrence is replaced, with its groups in place", () => {
  equal(
    compileRegexSearch("(\\w+):(\\d+)").replaceAll("web:80, api:81", "$2=${1}"),
    "80=web, 81=api",
  );
  equal(compileRegexSearch("x*").replaceAll("abc", "-"), "-a-b-c-");
  equal(compileRegexSearch("nothing").replaceAll("abc", "-"), "abc");
});

test("a pattern that is not RE2 is refused", () => {
  throws(
    () => compileRegexSearch("a("),
    (error) => error instanceof OperatingError && error.code === "input.invalid",
  );
});
