import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { formatLabels, OperatingError } from "@pharos/base";
import {
  FileDiscovery,
  fileDiscoveryPathProblem,
  type TargetFiles,
} from "../src/file-discovery.ts";
import { parseTargetFile } from "../src/target-file.ts";

/** Files as a map from path to text. */
function filesOf(texts: Map<string, string>): TargetFiles {
  return {
    list: (directory) =>
      [...texts.keys()]
        .filter((path) => path.slice(0, path.lastIndexOf("/")) === directory)
        .map((path) => path.slice(path.lastIndexOf("/") + 1)),
    read: (path) => {
      const text = texts.get(path);
      if (text === undefined) throw new OperatingError("not_found", `${path}: no such file`);
      return new TextEncoder().encode(text);
    },
  };
}

function addresses(discovery: FileDiscovery): readonly string[] {
  return discovery.groups.flatMap((group) => group.targets.map((target) => target[0]?.[1] ?? ""));
}

function list(...targets: string[]): string {
  return JSON.stringify([{ targets }]);
}

function parse(path: string, text: string): readonly string[] {
  try {
    return parseTargetFile(path, new TextEncoder().encode(text)).map(
      ({ source, labels, targets }) =>
        `${source} ${formatLabels(labels)} ${targets.map(formatLabels).join(" ")}`,
    );
  } catch (error) {
    ok(error instanceof OperatingError && error.code === "config.invalid", String(error));
    return [error.message];
  }
}

test("JSON and YAML files say the same, and groups know their file", () => {
  const wanted = [
    '/t.x:0 {__meta_filepath="/t.x", env="prod", port="8080"} {__address__="a:1"} {__address__="b:1"}',
    '/t.x:1 {__meta_filepath="/t.x"} {__address__="c:1"}',
  ];
  const json = JSON.stringify([
    { targets: ["a:1", "b:1"], labels: { env: "prod", port: "8080" } },
    { targets: ["c:1"] },
  ]);
  const yaml =
    "- targets: ['a:1', 'b:1']\n  labels:\n    env: prod\n    port: 8080\n- targets: [c:1]\n";
  const named = (extension: string): string[] =>
    wanted.map((line) => line.replaceAll("/t.x", `/t.${extension}`));
  deepEqual(parse("/t.json", json), named("json"));
  deepEqual(parse("/t.yml", yaml), named("yml"));
  deepEqual(parse("/t.yaml", ""), []);
});

test("a bad file is refused with the place", () => {
  const wrong: readonly (readonly [path: string, text: string, error: RegExp])[] = [
    ["t.json", "", /^t.json: Unexpected end of JSON input/],
    ["t.json", "{}", /^t.json: must be a list of target groups/],
    ["t.json", "null", /^t.json: must be a list of target groups/],
    ["t.json", "[null]", /^t.json: \[0\]: must be an object with "targets" and "labels"/],
    ["t.json", '[{"target":[]}]', /^t.json: \[0\]: unknown field "target"/],
    ["t.json", '[{"targets":"a"}]', /^t.json: \[0\].targets: must be a list of addresses/],
    ["t.json", '[{},{"targets":["a",5]}]', /^t.json: \[1\].targets\[1\]: must be a string/],
    ["t.json", '[{"labels":{"a":5}}]', /^t.json: \[0\].labels.a: must be a string/],
    ["t.json", '[{"labels":{"":"x"}}]', /^t.json: \[0\].labels: "" is not a valid label name/],
    ["t.yml", "- targets: [a", /^t.yml: Flow sequence/],
    ["t.yml", "targets: [a]", /^t.yml: must be a list of target groups/],
    ["t.yml", "- targets: [[a]]", /^t.yml: \[0\].targets\[0\]: must be a string/],
  ];
  for (const [path, text, error] of wrong) {
    const [message = ""] = parse(path, text);
    ok(error.test(message), `${text}: ${message}`);
  }
});

test("files are found by name and by pattern, and refreshed", () => {
  const texts = new Map([
    ["/etc/web.json", list("a:1")],
    ["/etc/db.json", list("b:1")],
    ["/etc/notes.txt", "no targets"],
    ["/srv/one.yml", "- targets: [c:1]"],
  ]);
  const discovery = new FileDiscovery(
    { files: ["/etc/*.json", "/srv/one.yml", "/srv/missing.yml"], refreshIntervalMs: 1000 },
    filesOf(texts),
  );
  deepEqual(addresses(discovery), []);
  discovery.refresh();
  deepEqual(addresses(discovery), ["b:1", "a:1", "c:1"]);
  deepEqual([...discovery.errors], [["/srv/missing.yml", "/srv/missing.yml: no such file"]]);

  texts.set("/etc/more.json", list("d:1"));
  texts.delete("/etc/db.json");
  texts.set("/srv/one.yml", "- targets: [c:2]");
  texts.set("/srv/missing.yml", "[]");
  discovery.refresh();
  deepEqual(addresses(discovery), ["d:1", "a:1", "c:2"]);
  equal(discovery.errors.size, 0);
});

test("a refresh tells whether the targets have changed", () => {
  const texts = new Map([["/etc/web.json", list("a:1")]]);
  const discovery = new FileDiscovery(
    { files: ["/etc/*.json"], refreshIntervalMs: 1000 },
    filesOf(texts),
  );
  const steps: readonly (readonly [text: string | undefined, changed: boolean])[] = [
    [list("a:1"), true],
    [list("a:1"), false],
    [list("b:1"), true],
    ["{", false],
    ["{", false],
    [list("b:1"), true],
    [undefined, true],
    [undefined, false],
    [list("b:1"), true],
  ];
  for (const [text, changed] of steps) {
    if (text === undefined) texts.delete("/etc/web.json");
    else texts.set("/etc/web.json", text);
    equal(discovery.refresh(), changed, String(text));
  }
});

test("a file that turned bad keeps the targets it had, until it is good again", () => {
  const texts = new Map([["/etc/web.json", list("a:1")]]);
  const discovery = new FileDiscovery(
    { files: ["/etc/web.json"], refreshIntervalMs: 1000 },
    filesOf(texts),
  );
  discovery.refresh();
  texts.set("/etc/web.json", '[{"targets": ["b:1"');
  discovery.refresh();
  deepEqual(addresses(discovery), ["a:1"]);
  ok(discovery.errors.get("/etc/web.json")?.startsWith("/etc/web.json: "));
  texts.set("/etc/web.json", list("b:1"));
  discovery.refresh();
  deepEqual(addresses(discovery), ["b:1"]);
  equal(discovery.errors.size, 0);
  texts.delete("/etc/web.json");
  discovery.refresh();
  deepEqual(addresses(discovery), []);
});

test("a discovery knows which changed files concern it", () => {
  const discovery = new FileDiscovery(
    { files: ["/etc/t/*.json", "/srv/a*b.yml"], refreshIntervalMs: 1000 },
    filesOf(new Map()),
  );
  for (const [path, wanted] of [
    ["/etc/t/a.json", true],
    ["/etc/t/.json", true],
    ["/etc/t/a/b.json", false],
    ["/etc/t/a.yml", false],
    ["/srv/ab.yml", true],
    ["/srv/axxb.yml", true],
    ["/srv/a.yml", false],
  ] as const)
    equal(discovery.watches(path), wanted, path);
});

test("only paths that can hold targets are allowed", () => {
  for (const path of ["a.json", "/etc/*.yml", "/etc/a*b.YAML", "x/y.yaml"])
    equal(fileDiscoveryPathProblem(path), undefined, path);
  for (const path of ["a.txt", "/etc/*/a.json", "*", "/etc/**.json", ""])
    ok(fileDiscoveryPathProblem(path)?.includes("is not valid for file discovery"), path);
});
