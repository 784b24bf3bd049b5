import { deepEqual } from "node:assert/strict";
import { describe, test } from "node:test";
import { mailAddresses } from "../../src/receivers/mail-addresses.ts";

describe("the addresses of a header", () => {
  const rows: readonly (readonly [header: string, expected: string[] | undefined])[] = [
    ["ops@example.org", ["ops@example.org"]],
    [" a@x.org , b@y.org,", ["a@x.org", "b@y.org"]],
    ["Ops Team <ops@example.org>", ["ops@example.org"]],
    ['"Doe, Jane" <jane@x.org>, b@y.org', ["jane@x.org", "b@y.org"]],
    ['"a \\" , b" <c@x.org>', ["c@x.org"]],
    ["", []],
    ["nobody", undefined],
    ["a@b@c", undefined],
    ["a@x.org b@y.org", undefined],
    ["<a@x.org>\r\nRCPT TO:<evil@x.org>", undefined],
    ["a@x.org\r\nBcc: evil@x.org", undefined],
    ["@x.org", undefined],
  ];
  for (const [header, expected] of rows)
    test(`${JSON.stringify(header)}: ${expected?.join(" ") ?? "none"}`, () => {
      deepEqual(mailAddresses(header), expected);
    });
});
