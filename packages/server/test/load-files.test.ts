import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { hostname } from "node:os";
import { test } from "node:test";
import { checkRuleGroups } from "@pharos/alert";
import { OperatingError } from "@pharos/base";
import type { ConfigEnvironment } from "../src/config/load-config.ts";
import { nodeConfigEnvironment } from "../src/config-files.ts";
import { type LoadedFiles, loadFiles } from "../src/load-files.ts";

const LISTEN = { host: "0.0.0.0", port: 9091 };
const NO_FILES = { configFile: undefined, alertmanagerConfigFile: undefined };

/** Loads `files`, of which `config.yml` is the configuration. */
function load(files: Readonly<Record<string, string>>): LoadedFiles {
  const environment: ConfigEnvironment = {
    env: {},
    glob: (pattern) => [pattern],
    readFile(path) {
      const text = files[path];
      if (text === undefined) throw new OperatingError("not_found", `${path}: no such file`);
      return text;
    },
  };
  const alertmanagerConfigFile = "alertmanager.yml" in files ? "alertmanager.yml" : undefined;
  return loadFiles({ configFile: "config.yml", alertmanagerConfigFile }, LISTEN, environment);
}

test("without a configuration Pharos watches itself and this machine", () => {
  const { config, remarks } = loadFiles(NO_FILES, LISTEN, nodeConfigEnvironment());
  deepEqual(remarks, []);
  deepEqual(
    config.scrapeJobs.map(({ jobName, metricsPath }) => [jobName, metricsPath]),
    [
      ["pharos", "/metrics"],
      ["node", "/metrics/node"],
    ],
  );
  const targets = config.scrapeJobs.flatMap(({ staticConfigs }) => staticConfigs);
  deepEqual(
    targets.flatMap((group) => group.targets.flat()),
    [
      ["__address__", "127.0.0.1:9091"],
      ["__address__", "127.0.0.1:9091"],
    ],
    "what listens on every address is reached on loopback",
  );
  ok(JSON.stringify(targets[1]).includes(hostname()), "the machine is called by its name");
});

test("the starter rules are rules: their expressions parse and their texts are templates", () => {
  const { groups } = loadFiles(NO_FILES, LISTEN, nodeConfigEnvironment());
  deepEqual(
    groups.map(({ name }) => name),
    ["targets", "host", "pharos"],
  );
  deepEqual(checkRuleGroups(groups), []);
  const rules = groups.flatMap((group) => group.rules);
  ok(rules.length >= 10);
  for (const rule of rules) {
    if (rule.kind !== "alert") continue;
    const names = rule.annotations.map(([name]) => name);
    ok(names.includes("summary"), `${rule.name} says what is wrong`);
  }
});

test("with a configuration nothing is scraped that it does not name", () => {
  const { config, groups } = load({ "config.yml": "global: {}\n" });
  deepEqual([config.scrapeJobs, groups], [[], []]);
});

test("what is not supported yet is remarked with its place, in each of the files", () => {
  const { remarks } = load({
    "config.yml": "global: {}\ntracing: {endpoint: a}\n",
    "alertmanager.yml": "route: {receiver: a}\nreceivers: [{name: a}]\nevent_recorder: {}\n",
  });
  equal(remarks.length, 2, remarks.join("\n"));
  match(remarks[0] ?? "", /^config\.yml:2:1: tracing is not supported yet/);
  match(remarks[1] ?? "", /^alertmanager\.yml:3:1: event_recorder is not supported yet/);
});

test("one wrong file is enough to load none, and it is named", () => {
  const files = { "config.yml": "rule_files: [rules.yml]\n" };
  const broken = "groups: [{name: a, rules: [{alert: A, expr: 'up =='}]}]\n";
  throws(() => load({ ...files, "rules.yml": broken }), /rules\.yml:1:\d+: /);
  throws(() => load(files), /rules\.yml: no such file/);
});
