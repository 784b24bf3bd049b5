import { deepEqual, equal, throws } from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { type Label, type Labels, labelsFrom, OperatingError } from "@pharos/base";
import fc from "fast-check";
import { createRelabelRule, type RelabelConfig, relabel, relabelConfigOf } from "../src/relabel.ts";

/** Reads `a=1 b=two words are not possible`; "·" stands for a blank, "" for no labels. */
function labels(text: string): Labels {
  const pairs = text.split(" ").filter((pair) => pair !== "");
  return labelsFrom(
    pairs.map((pair): Label => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at), pair.slice(at + 1).replaceAll("·", " ")];
    }),
  );
}

function show(set: Labels | undefined): string {
  if (set === undefined) return "DROPPED";
  return set.map(([name, value]) => `${name}=${value.replaceAll(" ", "·")}`).join(" ");
}

function run(before: string, ...configs: RelabelConfig[]): string {
  const rules = configs.map(createRelabelRule);
  const after = show(relabel(labels(before), rules));
  // A rule that was sent elsewhere does the same there.
  const sent = structuredClone(rules.map(relabelConfigOf)).map(createRelabelRule);
  equal(show(relabel(labels(before), sent)), after);
  return after;
}

type Case = readonly [before: string, rules: readonly RelabelConfig[], after: string];

function check(cases: readonly Case[]): void {
  for (const [before, rules, after] of cases)
    equal(run(before, ...rules), after, `${before} ${JSON.stringify(rules)}`);
}

test("replace writes the expanded replacement into the target where the expression matches", () => {
  const a = ["a"];
  check([
    ["a=foo", [{ sourceLabels: a, targetLabel: "d" }], "a=foo d=foo"],
    [
      "a=foo",
      [{ sourceLabels: a, regex: "f(.*)", targetLabel: "d", replacement: "ch${1}-ch$1" }],
      "a=foo d=choo-choo",
    ],
    [
      "a=foo b=bar",
      [
        {
          sourceLabels: ["a", "b"],
          regex: "f(.*);(.*)r",
          targetLabel: "a",
          replacement: "b${1}${2}m",
        },
      ],
      "a=boobam b=bar",
    ],
    [
      "a=abc",
      [{ sourceLabels: a, regex: ".*(b).*", targetLabel: "d", replacement: "$1" }],
      "a=abc d=b",
    ],
    ["a=boo", [{ sourceLabels: a, regex: "f", targetLabel: "b", replacement: "bar" }], "a=boo"],
    ["a=foo", [{ sourceLabels: a, regex: "oo", targetLabel: "b", replacement: "bar" }], "a=foo"],
    ["a=foo", [{ targetLabel: "b", replacement: "bar" }], "a=foo b=bar"],
    ["a=foo", [{ sourceLabels: ["none"], targetLabel: "b", replacement: "bar" }], "a=foo b=bar"],
    [
      "a=foo",
      [{ sourceLabels: ["none"], regex: "(.+)", targetLabel: "b", replacement: "bar" }],
      "a=foo",
    ],
    ["a=foo b=bar", [{ sourceLabels: a, targetLabel: "b", replacement: "" }], "a=foo"],
    ["a=foo b=bar", [{ sourceLabels: ["none"], targetLabel: "b" }], "a=foo"],
    [
      "a=foo b=bar",
      [{ sourceLabels: a, regex: "(x)?.*", targetLabel: "b", replacement: "$1" }],
      "a=foo",
    ],
    ["a=foo", [{ sourceLabels: a, targetLabel: "a", replacement: "$1$1" }], "a=foofoo"],
    ["a=x:1", [{ sourceLabels: a, regex: "(.*):\\d+", targetLabel: "host" }], "a=x:1 host=x"],
    [
      "a=foo",
      [
        {
          sourceLabels: a,
          regex: "(?P<first>.).*",
          targetLabel: "b",
          replacement: "$first|${first}",
        },
      ],
      "a=foo b=f|f",
    ],
    ["a=foo", [{ sourceLabels: a, targetLabel: "b", replacement: "$$1" }], "a=foo b=$1"],
    ["a=foo", [{ sourceLabels: a, targetLabel: "b", replacement: "x$9y" }], "a=foo b=x"],
    [
      "a=foo",
      [{ sourceLabels: a, targetLabel: "b", replacement: "${1}y${}$(" }],
      "a=foo b=fooy${}$(",
    ],
    ["a=foo", [{ sourceLabels: a, targetLabel: "b", replacement: "$1y" }], "a=foo"],
    [
      "a=one·two",
      [{ sourceLabels: a, regex: "one two", targetLabel: "b", replacement: "ok" }],
      "a=one·two b=ok",
    ],
    [
      "a=1 b=2 c=3",
      [{ sourceLabels: ["c", "a", "b"], separator: "-", targetLabel: "d" }],
      "a=1 b=2 c=3 d=3-1-2",
    ],
    ["a=1 c=3", [{ sourceLabels: ["a", "b", "c"], targetLabel: "d" }], "a=1 c=3 d=1;;3"],
    ["a=1 b=2", [{ sourceLabels: ["a", "b"], separator: "", targetLabel: "d" }], "a=1 b=2 d=12"],
  ]);
});

test("the target of replace may be a template, and an invalid result changes nothing", () => {
  const pair = { sourceLabels: ["a"], regex: "some-([^-]+)-([^,]+)" };
  check([
    [
      "a=some-name-value",
      [{ ...pair, replacement: "${2}", targetLabel: "${1}" }],
      "a=some-name-value name=value",
    ],
    [
      "a=some-name-value",
      [{ ...pair, replacement: "${3}", targetLabel: "${1}" }],
      "a=some-name-value",
    ],
    ["a=some-name-0", [{ ...pair, replacement: "${1}", targetLabel: "${3}" }], "a=some-name-0"],
    [
      "a=some-name-x",
      [{ ...pair, replacement: "v", targetLabel: "pre_${1}_post" }],
      "a=some-name-x pre_name_post=v",
    ],
    ["a=some-0-x", [{ ...pair, replacement: "v", targetLabel: "$1" }], "0=v a=some-0-x"],
    [
      "__meta_sd_tags=path:/secret,job:some-job,label:foo=bar",
      [
        {
          sourceLabels: ["__meta_sd_tags"],
          regex: "(?:.+,|^)path:(/[^,]+).*",
          targetLabel: "__metrics_path__",
        },
        { sourceLabels: ["__meta_sd_tags"], regex: "(?:.+,|^)job:([^,]+).*", targetLabel: "job" },
        {
          sourceLabels: ["__meta_sd_tags"],
          regex: "(?:.+,|^)label:([^=]+)=([^,]+).*",
          targetLabel: "${1}",
          replacement: "${2}",
        },
      ],
      "__meta_sd_tags=path:/secret,job:some-job,label:foo=bar __metrics_path__=/secret foo=bar job=some-job",
    ],
  ]);
});

test("keep and drop look at the whole value", () => {
  const a = ["a"];
  check([
    ["a=foo", [{ sourceLabels: a, regex: ".*o.*", action: "drop" }], "DROPPED"],
    ["a=foo", [{ sourceLabels: a, regex: "no-match", action: "drop" }], "a=foo"],
    ["a=foo", [{ sourceLabels: a, regex: "f|o", action: "drop" }], "a=foo"],
    ["a=foo", [{ sourceLabels: a, regex: "f.*", action: "keep" }], "a=foo"],
    ["a=foo", [{ sourceLabels: a, regex: "no-match", action: "keep" }], "DROPPED"],
    ["a=foo", [{ sourceLabels: a, regex: "oo", action: "keep" }], "DROPPED"],
    ["a=foo", [{ sourceLabels: ["none"], regex: "", action: "keep" }], "a=foo"],
    ["a=foo", [{ sourceLabels: ["none"], regex: ".+", action: "keep" }], "DROPPED"],
    ["a=foo", [{ sourceLabels: ["none"], regex: "", action: "drop" }], "DROPPED"],
    [
      "a=foo b=bar",
      [{ sourceLabels: ["a", "b"], regex: "foo;bar", action: "keep" }],
      "a=foo b=bar",
    ],
    ["a=FOO", [{ sourceLabels: a, regex: "(?i)foo", action: "keep" }], "a=FOO"],
    ["a=foo", [{ sourceLabels: a, regex: "^foo$", action: "keep" }], "a=foo"],
    ["a=foo", [{ sourceLabels: a, regex: "foo", action: "DROP" }], "DROPPED"],
    [
      "a=foo",
      [
        { sourceLabels: a, regex: "foo", action: "drop" },
        { targetLabel: "b", replacement: "x" },
      ],
      "DROPPED",
    ],
    ["", [{ sourceLabels: a, regex: "x", action: "drop" }], ""],
  ]);
  equal(
    show(
      relabel(
        [["a", "one\ntwo"]],
        [createRelabelRule({ sourceLabels: ["a"], regex: "one.two", action: "drop" })],
      ),
    ),
    "DROPPED",
    "a dot matches a line break",
  );
});

test("keepequal and dropequal compare with the target label", () => {
  const before = "__port1=1234 __port2=5678 __tmp=1234";
  check([
    [before, [{ sourceLabels: ["__tmp"], targetLabel: "__port1", action: "keepequal" }], before],
    [before, [{ sourceLabels: ["__tmp"], targetLabel: "__port2", action: "keepequal" }], "DROPPED"],
    [before, [{ sourceLabels: ["__tmp"], targetLabel: "__port1", action: "dropequal" }], "DROPPED"],
    [before, [{ sourceLabels: ["__tmp"], targetLabel: "__port2", action: "dropequal" }], before],
    ["a=1", [{ sourceLabels: ["x"], targetLabel: "y", action: "keepequal" }], "a=1"],
    ["a=1", [{ sourceLabels: ["x"], targetLabel: "y", action: "dropequal" }], "DROPPED"],
    [
      "a=1 b=2 c=1;2",
      [{ sourceLabels: ["a", "b"], targetLabel: "c", action: "keepequal" }],
      "a=1 b=2 c=1;2",
    ],
  ]);
});

test("hashmod gives the same shard as Prometheus", () => {
  check([
    [
      "c=baz",
      [{ sourceLabels: ["c"], targetLabel: "d", modulus: 1000, action: "hashmod" }],
      "c=baz d=976",
    ],
    [
      "c=baz",
      [{ sourceLabels: ["c"], targetLabel: "d", modulus: 1, action: "hashmod" }],
      "c=baz d=0",
    ],
  ]);
  const rule = createRelabelRule({
    sourceLabels: ["a"],
    targetLabel: "b",
    modulus: 1000,
    action: "hashmod",
  });
  deepEqual(relabel([["a", "foo\nbar"]], [rule]), [
    ["a", "foo\nbar"],
    ["b", "734"],
  ]);
});

test("hashmod takes the last eight bytes of the MD5, whatever the value", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary" }),
      fc.integer({ min: 1, max: 2 ** 53 - 1 }),
      (value, modulus) => {
        const rule = createRelabelRule({
          sourceLabels: ["a"],
          targetLabel: "b",
          modulus,
          action: "hashmod",
        });
        const digest = createHash("md5").update(value).digest("hex").slice(16);
        const wanted = String(BigInt(`0x${digest}`) % BigInt(modulus));
        equal(new Map(relabel(labelsFrom([["a", value]]), [rule])).get("b"), wanted);
      },
    ),
  );
});

test("labelmap, labeldrop and labelkeep work on names", () => {
  check([
    [
      "a=foo b1=bar b2=baz",
      [{ regex: "(b.*)", replacement: "bar_${1}", action: "labelmap" }],
      "a=foo b1=bar b2=baz bar_b1=bar bar_b2=baz",
    ],
    [
      "__meta_my_bar=aaa __meta_other=c",
      [{ regex: "__meta_(my.*)", action: "labelmap" }],
      "__meta_my_bar=aaa __meta_other=c my_bar=aaa",
    ],
    ["ab=1", [{ regex: "a(.*)", replacement: "a$1a", action: "labelmap" }], "a=1 ab=1"],
    ["ab=1", [{ regex: "a(.*)", replacement: "a${1}a", action: "labelmap" }], "ab=1 aba=1"],
    ["a=1 b=2", [{ regex: "a", replacement: "b", action: "labelmap" }], "a=1 b=1"],
    ["a=foo b1=bar b2=baz", [{ regex: "(b.*)", action: "labelkeep" }], "b1=bar b2=baz"],
    ["a=foo b1=bar b2=baz", [{ regex: "(b.*)", action: "labeldrop" }], "a=foo"],
    ["a=foo ab=1", [{ regex: "a", action: "labeldrop" }], "ab=1"],
    ["a=foo", [{ regex: ".*", action: "labeldrop" }], ""],
    ["a=foo", [{ regex: "x", action: "labelkeep" }], ""],
    ["__name__=up a=foo", [{ regex: "a", action: "labeldrop" }], "__name__=up"],
  ]);
});

test("lowercase and uppercase map letter by letter, as Go does", () => {
  check([
    [
      "foo=bAr123Foo",
      [{ sourceLabels: ["foo"], targetLabel: "l", action: "lowercase" }],
      "foo=bAr123Foo l=bar123foo",
    ],
    [
      "foo=bAr123Foo",
      [{ sourceLabels: ["foo"], targetLabel: "u", action: "uppercase" }],
      "foo=bAr123Foo u=BAR123FOO",
    ],
    [
      "foo=straße",
      [{ sourceLabels: ["foo"], targetLabel: "foo", action: "uppercase" }],
      "foo=STRAßE",
    ],
    ["foo=ΟΔΟΣ", [{ sourceLabels: ["foo"], targetLabel: "foo", action: "lowercase" }], "foo=οδοσ"],
    [
      "a=X b=Y",
      [{ sourceLabels: ["a", "b"], targetLabel: "c", action: "lowercase" }],
      "a=X b=Y c=x;y",
    ],
    ["b=Y", [{ sourceLabels: ["a"], targetLabel: "b", action: "lowercase" }], ""],
  ]);
});

test("rules see what the rules before them have done", () => {
  check([
    [
      "__meta_port_name=foo __meta_port=9091",
      [
        { regex: "^__meta_port_name$", action: "labeldrop" },
        {
          sourceLabels: ["__meta_port"],
          regex: "(.+)",
          replacement: "metrics",
          targetLabel: "__meta_port_name",
        },
        { sourceLabels: ["__meta_port_name"], regex: "^metrics$", action: "keep" },
      ],
      "__meta_port=9091 __meta_port_name=metrics",
    ],
    [
      "a=foo b=bar c=baz",
      [
        {
          sourceLabels: ["a", "b"],
          regex: "f(.*);(.*)r",
          targetLabel: "a",
          replacement: "b${1}${2}m",
        },
        {
          sourceLabels: ["c", "a"],
          regex: "(b).*b(.*)ba(.*)",
          targetLabel: "d",
          replacement: "$1$2$2$3",
        },
      ],
      "a=boobam b=bar c=baz d=boooom",
    ],
  ]);
});

test("a rule that makes no sense is refused with the reason", () => {
  const wrong: readonly (readonly [RelabelConfig, RegExp])[] = [
    [{ action: "" }, /action cannot be empty/],
    [{ action: "remove" }, /unknown relabel action "remove"; known are replace, keep/],
    [{}, /replace action requires 'target_label' value/],
    [{ action: "lowercase" }, /lowercase action requires 'target_label' value/],
    [{ action: "uppercase" }, /uppercase action requires 'target_label' value/],
    [{ action: "hashmod", modulus: 8 }, /hashmod action requires 'target_label' value/],
    [{ action: "keepequal" }, /keepequal action requires 'target_label' value/],
    [{ action: "dropequal" }, /dropequal action requires 'target_label' value/],
    [{ action: "hashmod", targetLabel: "a" }, /hashmod requires non-zero modulus/],
    [{ action: "hashmod", targetLabel: "a", modulus: 0 }, /hashmod requires non-zero modulus/],
    [{ action: "hashmod", targetLabel: "a", modulus: -1 }, /modulus -1 is not an integer/],
    [{ action: "hashmod", targetLabel: "a", modulus: 1.5 }, /modulus 1.5 is not an integer/],
    [
      { action: "lowercase", targetLabel: "a", replacement: "b" },
      /'replacement' can not be set for lowercase/,
    ],
    [
      { action: "keepequal", targetLabel: "a", regex: "x" },
      /requires only 'source_labels' and 'target_label'/,
    ],
    [
      { action: "dropequal", targetLabel: "a", separator: "," },
      /requires only 'source_labels' and 'target_label'/,
    ],
    [{ action: "labeldrop", sourceLabels: ["a"] }, /labeldrop action requires only 'regex'/],
    [{ action: "labelkeep", targetLabel: "a" }, /labelkeep action requires only 'regex'/],
    [{ action: "labelkeep", replacement: "a" }, /labelkeep action requires only 'regex'/],
    [{ action: "labelmap", replacement: "" }, /"" is invalid 'replacement' for labelmap/],
    [{ action: "keep", regex: "(" }, /in regular expression "\("/],
    [{ action: "keep", sourceLabels: [""] }, /"" is not a valid label name/],
    [{ targetLabel: "\ud800" }, /is invalid 'target_label' for replace/],
  ];
  for (const [config, message] of wrong)
    throws(
      () => createRelabelRule(config),
      (error) =>
        error instanceof OperatingError &&
        error.code === "config.invalid" &&
        message.test(error.message),
      JSON.stringify(config),
    );
});

test("without rules the label set is the same object", () => {
  const before = labels("a=1");
  equal(relabel(before, []), before);
});
