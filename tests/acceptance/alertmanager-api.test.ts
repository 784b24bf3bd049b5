// The same requests to Debian's Alertmanager and to the real server: the same answers, but for what is meant to differ.
import { deepEqual, equal } from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { answering, Child, findProgram, freePort, skipWithout } from "../harness/child.ts";
import { PharosProcess, temporaryFolder } from "../harness/pharos-process.ts";

const CONFIG = `
route:
  receiver: default
  group_by: [alertname]
  group_wait: 1h
  routes:
    - {receiver: team-a, matchers: ['team="a"'], continue: true}
    - {receiver: team-b, matchers: ['team=~"a|b"']}
receivers: [{name: default}, {name: team-a}, {name: team-b}]
inhibit_rules:
  - {source_matchers: ['severity="critical"'], target_matchers: ['severity="warning"'], equal: [alertname]}
`;

/** `{first}` in a path or body is the id of the first silence that was made, as each of the two names it. */
interface Asked {
  readonly method?: "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  readonly type?: string;
}

const END = new Date(Date.now() + 3_600_000).toISOString();
const LATER = new Date(Date.now() + 7_200_000).toISOString();
const START = new Date(Date.now() - 60_000).toISOString();
const BY = { createdBy: "ann", comment: "test" };
const equals = (name: string, value: string): object => ({ name, value, isRegex: false });
const silence = (matchers: readonly object[], change: object = {}): Asked => ({
  method: "POST",
  path: "/silences",
  body: { matchers, startsAt: START, endsAt: END, ...BY, ...change },
});
const alerts = (...body: readonly unknown[]): Asked => ({ method: "POST", path: "/alerts", body });
const UNKNOWN = "4b1e0b7c-0000-4000-8000-000000000000";

const ASKED: readonly Asked[] = [
  { path: "/receivers" },
  { path: "/alerts" },
  { path: "/alerts/groups" },
  { path: "/silences" },
  alerts(
    { labels: { alertname: "A", team: "a", empty: "" }, annotations: { summary: "s" } },
    { labels: {} },
    { labels: { alertname: "W" }, startsAt: END, endsAt: START },
    { labels: { alertname: "B", severity: "critical" }, startsAt: START, endsAt: END },
    { labels: { alertname: "B", severity: "warning" }, generatorURL: "http://x.test/graph?a=b" },
    { labels: { alertname: "C", team: "b" }, startsAt: "2020-01-01T00:00:00+02:00" },
    { labels: { alertname: "Gone" }, endsAt: START },
  ),
  { path: "/alerts" },
  { path: "/alerts/groups" },
  silence([equals("team", "b")]),
  silence([{ name: "alertname", value: "A|X", isRegex: true }], {
    startsAt: END,
    endsAt: "2100-01-01T00:00:00Z",
  }),
  silence([{ name: "alertname", value: "B", isRegex: false, isEqual: false }, equals("x", "y")], {
    endsAt: LATER,
  }),
  { path: "/silences" },
  { path: "/silence/{first}" },
  ...["", "?active=false", "?silenced=false", "?inhibited=no", "?active=yes&silenced=0"].flatMap(
    (query) => [{ path: `/alerts${query}` }, { path: `/alerts/groups${query}` }],
  ),
  ...[
    "filter=alertname=A",
    "filter=alertname%3D~%22A|B%22&filter=severity!%3Dwarning",
    "filter=team%3D%22%22",
    "filter=team!~%22a%22",
    "receiver=team-.%2B",
    "receiver=team",
    "receiver=default&filter=severity%3Dcritical",
  ].flatMap((query) => [{ path: `/alerts?${query}` }, { path: `/alerts/groups?${query}` }]),
  { path: "/silences?filter=team%3Db" },
  { path: "/silences?filter=team%3D~b" },
  { path: "/silences?filter=alertname!%3DB&filter=x%3Dy" },
  {
    ...silence([equals("team", "b")]),
    body: {
      id: "{first}",
      matchers: [equals("team", "b")],
      startsAt: START,
      endsAt: END,
      ...BY,
      comment: "other",
    },
  },
  { path: "/silence/{first}" },
  { method: "DELETE", path: "/silence/{first}" },
  { method: "DELETE", path: "/silence/{first}" },
  { path: "/silence/{first}" },
  { path: "/alerts?filter=team%3Db" },
  { path: `/silence/${UNKNOWN}` },
  { path: "/silence/nope" },
  { method: "DELETE", path: "/silence/nope" },
  { path: "/nothing" },
  { method: "POST", path: "/alerts" },
  { method: "POST", path: "/silences" },
  { method: "POST", path: "/alerts", body: [], type: "text/plain" },
  alerts(),
  alerts({}),
  alerts({ labels: { a: "b" } }, { labels: { a: "b" }, generatorURL: "::" }),
  silence([]),
  silence([{ name: "a" }]),
  silence([equals("", "b")]),
  silence([equals("a", "")]),
  silence([equals("a", "b")], { endsAt: START, startsAt: END }),
  silence([equals("a", "b")], { startsAt: "2020-01-01T00:00:00Z", endsAt: "2020-01-02T00:00:00Z" }),
  silence([equals("a", "b")], { id: UNKNOWN }),
  silence([equals("a", "b")], { comment: null }),
  silence([equals("a", "b")], { startsAt: null }),
  { method: "POST", path: "/silences", body: {} },
];

/** Texts of its parsers, which have words of their own, and methods, which it names in any order. */
const WORDED: readonly Asked[] = [
  { method: "POST", path: `/silence/${UNKNOWN}`, body: {} },
  { method: "PUT", path: "/alerts" },
  ...["filter=a", "filter=a%3D~%22%5B%22", "receiver=("].map((query) => ({
    path: `/alerts?${query}`,
  })),
  { path: "/silences?filter=%20x" },
  { method: "POST", path: "/alerts", body: {} },
  alerts({ labels: { a: 1 } }),
  alerts({ labels: { a: "b" }, startsAt: "yesterday" }),
  silence([{ name: "a", value: "[", isRegex: true }]),
  silence([equals("a", "b")], { endsAt: 7 }),
];

interface Answered {
  readonly status: number;
  readonly body: unknown;
}

/** One of the two, and the ids of the silences that were made there. */
class Client {
  readonly #url: string;
  readonly #ids: string[] = [];

  constructor(url: string) {
    this.#url = `${url}/api/v2`;
  }

  async ask({ method, path, body, type = "application/json" }: Asked): Promise<Answered> {
    const named = (text: string): string => text.replaceAll("{first}", this.#ids[0] ?? "");
    const response = await fetch(this.#url + named(path), {
      ...(method === undefined ? {} : { method }),
      ...(body === undefined
        ? {}
        : { headers: { "Content-Type": type }, body: named(JSON.stringify(body)) }),
    });
    const text = await response.text();
    const answer: unknown = text === "" ? undefined : JSON.parse(text);
    const id = (answer as { silenceID?: string } | undefined)?.silenceID;
    if (id !== undefined && !this.#ids.includes(id)) this.#ids.push(id);
    return { status: response.status, body: this.#comparable(answer) };
  }

  /** Without times of now, ids, and what younger releases have added; lists that have no order are sorted. */
  #comparable(value: unknown): unknown {
    if (typeof value === "string") {
      if (this.#ids.includes(value)) return `id ${this.#ids.indexOf(value)}`;
      if (!/^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)$/.test(value)) return value;
      // Alertmanager keeps the zone that a time was sent in.
      const time = new Date(value).toISOString();
      const isNow = Math.abs(Date.parse(time) - Date.now()) < 10 * 60_000 && time !== START;
      return isNow ? "about now" : time;
    }
    if (Array.isArray(value)) {
      const items = value.map((item) => this.#comparable(item));
      const isNamed = items.every((item) => typeof item === "object" && "name" in (item ?? {}));
      return isNamed || items.some(isGroup) ? items.toSorted(byText) : items;
    }
    if (typeof value !== "object" || value === null) return value;
    const pairs = Object.entries(value).filter(
      ([key]) => !["mutedBy", "routeLabels"].includes(key),
    );
    return Object.fromEntries(pairs.map(([key, item]) => [key, this.#comparable(item)]));
  }
}

function isGroup(item: unknown): boolean {
  return typeof item === "object" && item !== null && "receiver" in item;
}

function byText(a: unknown, b: unknown): number {
  const [left, right] = [a, b].map((item) => JSON.stringify(Object.entries(item as object).sort()));
  return (left ?? "") < (right ?? "") ? -1 : 1;
}

test("Alertmanager's API answers as Debian's Alertmanager does", {
  skip: skipWithout("prometheus-alertmanager"),
}, async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "alertmanager.yml");
  await writeFile(file, CONFIG);
  const port = await freePort();
  const data = join(folder.path, "theirs");
  await mkdir(data);
  await using alertmanager = new Child(findProgram("prometheus-alertmanager") ?? "", [
    ...[`--config.file=${file}`, `--storage.path=${data}`, "--cluster.listen-address="],
    `--web.listen-address=127.0.0.1:${port}`,
  ]);
  await answering(`http://127.0.0.1:${port}/-/ready`, alertmanager);
  await using pharos = await PharosProcess.start({
    ...{ folder: folder.path, config: "{}", args: ["--alertmanager-config", file] },
  });
  const theirs = new Client(`http://127.0.0.1:${port}`);
  const ours = new Client(pharos.url);
  for (const asked of ASKED) {
    const what = `${asked.method ?? "GET"} ${asked.path} ${JSON.stringify(asked.body) ?? ""}`;
    deepEqual(await ours.ask(asked), await theirs.ask(asked), what);
  }
  for (const asked of WORDED)
    equal((await ours.ask(asked)).status, (await theirs.ask(asked)).status, asked.path);
});
