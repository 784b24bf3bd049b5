import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import { databaseName, parsePostgresUrl, shownPostgresUrl } from "../src/postgres/postgres-url.ts";

test("the URL of a database is shown without its password", () => {
  const url = "postgresql://me:secret@db:5433/pharos?sslmode=require&password=secret";
  equal(shownPostgresUrl(url), "postgresql://me@db:5433/pharos?sslmode=require");
  equal(databaseName(url), "db:5433/pharos");
});

test("a URL may leave out what the environment says, and name a socket's folder", () => {
  const read = (url: string): readonly unknown[] => {
    const { host, port, user, password, database } = parsePostgresUrl(url);
    return [host, port, user, password, database];
  };
  deepEqual(read("postgresql://"), [undefined, undefined, undefined, undefined, undefined]);
  deepEqual(read("postgres://db/pharos"), ["db", undefined, undefined, undefined, "pharos"]);
  deepEqual(read("postgresql://[::1]:5433/p"), ["::1", 5433, undefined, undefined, "p"]);
  deepEqual(read("postgresql://a%40b:p%3Aw%2F@%2Frun%2Fpg/x%20y"), [
    "/run/pg",
    undefined,
    "a@b",
    "p:w/",
    "x y",
  ]);
  deepEqual(read("postgresql:///p?host=/run/pg&user=me&port=5433"), [
    "/run/pg",
    5433,
    "me",
    undefined,
    "p",
  ]);
});

test("what is no URL of a database is refused without quoting it", () => {
  const cases: readonly (readonly [url: string, message: RegExp])[] = [
    ["", /want a URL such as "postgresql:\/\/user@host:5432\/database"/],
    ["mysql://me:secret@db/x", /want a URL such as/],
    ["postgresql://me:sec#ret@db/x", /want a URL such as/],
    ["postgresql://me:secret@db:port/x", /want a URL such as/],
    ["postgresql://me:secret%@db/x", /a % in it is not followed by two hexadecimal digits/],
    ["postgresql://db/x?port=secret", /its port is no number/],
    [
      "postgresql://db/x?target_session_attrs=secret",
      /parameter target_session_attrs is not known/,
    ],
  ];
  for (const [url, message] of cases)
    throws(
      () => parsePostgresUrl(url),
      (error) =>
        error instanceof OperatingError &&
        error.code === "config.invalid" &&
        message.test(error.message) &&
        !error.message.includes("secret"),
      url,
    );
});
