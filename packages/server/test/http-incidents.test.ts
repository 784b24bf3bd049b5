import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { firingAlerts } from "@pharos/alert";
import type { IncidentDetailJson, IncidentJson } from "@pharos/api";
import { formatLabels, OperatingError } from "@pharos/base";
import type { SampleBatch } from "@pharos/ports";
import { MemoryDocumentStore, SimClock } from "@pharos/testing";
import { IncidentLinks } from "../src/alerting/incident-links.ts";
import { IncidentSeries, incidentSeries } from "../src/alerting/incident-series.ts";
import { ACKNOWLEDGED, FIRING, filledWorld, RESOLVED } from "./filled-world.ts";
import { HttpWorld, NOW_MS } from "./http-world.ts";
import { IncidentWorld, TEST_LINKS } from "./incident-world.ts";

const PATH = "/api/v1/incidents";

async function answerOf<T>(
  response: Response,
): Promise<{ status: number; data: T; error: string }> {
  const body = (await response.json()) as { data: T; error: string };
  return { status: response.status, ...body };
}

const form = (fields: Record<string, string>) => ({
  method: "POST",
  body: new URLSearchParams(fields),
});

function linkTo(incidentId: string, expiresAtMs = NOW_MS + 60_000): string {
  const right = { incidentId, action: "acknowledge", receiver: "team", expiresAtMs } as const;
  return `${PATH}/ack?token=${TEST_LINKS.token(right)}`;
}

test("a link only asks, and its button acknowledges", async () => {
  const { app, incidents } = await filledWorld();
  const asked = await app.request(linkTo(FIRING));
  equal(asked.status, 200);
  match(await asked.text(), /<h1>Acknowledge\?<\/h1>.*Down is bad.*<form method="post">/s);
  equal((await incidents.archive.get(FIRING))?.status, "firing", "a scanner follows links");

  const done = await app.request(
    linkTo(FIRING),
    form({ by: "Ann", comment: "", expires_in: "1h" }),
  );
  match(await done.text(), /<h1>Acknowledged<\/h1>/);
  const { acknowledgement } = (await incidents.archive.get(FIRING)) ?? {};
  equal(acknowledgement?.by, "Ann");
  equal(acknowledgement?.untilMs, NOW_MS + 3_600_000);
});

test("who uses a link without a name is known by the receiver that was told", async () => {
  const { app, incidents } = await filledWorld();
  await app.request(linkTo(FIRING), form({ by: " " }));
  equal((await incidents.archive.get(FIRING))?.acknowledgement?.by, "team by link");
});

test("the page of a link loads nothing, is framed by nobody, and stays in no cache", async () => {
  const { app } = await filledWorld();
  const { headers } = await app.request(linkTo(FIRING));
  match(headers.get("Content-Security-Policy") ?? "", /^default-src 'none'; style-src 'sha256-/);
  match(headers.get("Content-Security-Policy") ?? "", /frame-ancestors 'none'/);
  equal(headers.get("Cache-Control"), "no-store");
  equal(headers.get("Referrer-Policy"), "no-referrer");
});

test("what alerts say of themselves is text on the page of a link", async () => {
  const { app, incidents } = await filledWorld();
  const id = await incidents.see("evil", { alertname: `<script>alert("x")</script>` });
  const html = await (await app.request(linkTo(id))).text();
  ok(!html.includes("<script"), html);
  match(html, /&lt;script&gt;alert\(&quot;x&quot;\)/);
});

test("a link is worth nothing when any of its characters is another, when it is old, or signed elsewhere", async () => {
  const { app } = await filledWorld();
  const good = linkTo(FIRING);
  const start = good.indexOf("token=") + 6;
  for (let at = start; at < good.length; at += 7) {
    const other = good[at] === "A" ? "B" : "A";
    const { status } = await app.request(good.slice(0, at) + other + good.slice(at + 1));
    equal(status, 400, `character ${at - start}`);
  }
  equal((await app.request(linkTo(FIRING, NOW_MS))).status, 400);
  const elsewhere = new IncidentLinks(new Uint8Array(32).fill(8), "");
  const right = {
    incidentId: FIRING,
    action: "acknowledge",
    receiver: "",
    expiresAtMs: NOW_MS + 1,
  };
  const token = elsewhere.token({ ...right, action: "acknowledge" });
  equal((await app.request(`${PATH}/ack?token=${token}`)).status, 400);
});

test("a browser sees why a link was refused as a page, a program as JSON", async () => {
  const { app } = await filledWorld();
  const page = await app.request(`${PATH}/ack?token=x`, { headers: { Accept: "text/html" } });
  equal(page.status, 400);
  match(await page.text(), /this link is not valid/);
  const over = await app.request(linkTo(RESOLVED), form({}));
  equal(over.status, 409);
  match((await answerOf(over)).error, /is resolved already/);
});

test("links are answered so often and no more", async () => {
  const { app, clock } = await filledWorld();
  const statuses: number[] = [];
  for (let i = 0; i < 60; i++) statuses.push((await app.request(linkTo(FIRING))).status);
  equal(statuses.filter((status) => status === 200).length, 50);
  equal(statuses.at(-1), 429);
  await clock.advance(1000);
  equal((await app.request(linkTo(FIRING))).status, 200);
});

test("the key of links is made once, and the servers of one store share it", async () => {
  const store = new MemoryDocumentStore();
  const [one, two] = [
    await IncidentLinks.open(store, "http://a"),
    await IncidentLinks.open(store, "http://b"),
  ];
  const url = one.acknowledgeUrl("i1", "team", NOW_MS);
  match(url, /^http:\/\/a\/api\/v1\/incidents\/ack\?token=[\w.-]+$/);
  const token = url.slice(url.indexOf("=") + 1);
  deepEqual(two.verify(token, NOW_MS), {
    incidentId: "i1",
    action: "acknowledge",
    receiver: "team",
    expiresAtMs: NOW_MS + 7 * 24 * 3_600_000,
  });
});

test("a page of another site cannot acknowledge", async () => {
  const { app, incidents } = await filledWorld();
  for (const path of [`${PATH}/${FIRING}/acknowledge`, `${PATH}/acknowledge?match[]=Down`]) {
    const request = { ...form({ by: "eve" }), headers: { Origin: "http://evil.test" } };
    equal((await app.request(path, request)).status, 403);
  }
  equal((await incidents.archive.get(FIRING))?.status, "firing");
});

test("an action is taken as JSON too, and each field that is wrong is named", async () => {
  const { app } = await filledWorld();
  const send = async (body: unknown) =>
    answerOf<IncidentJson>(
      await app.request(`${PATH}/${FIRING}/acknowledge`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    );
  const until = new Date(NOW_MS + 60_000).toISOString();
  const done = await send({ by: "ann", comment: "mine", until });
  equal(done.data.acknowledgement?.until, until);
  match((await send({ by: 1, other: 2 })).error, /by: .*other/s);
  match((await send("{")).error, /no JSON/);
  match((await send({ by: "ann", until: "2020-01-01T00:00:00Z" })).error, /ends after now/);
});

test("an incident is shown with its alerts, what happened to it, and who was told", async () => {
  const { app } = await filledWorld();
  await app.request(`${PATH}/${FIRING}/comment`, form({ by: "ann", comment: "looking" }));
  const first = await answerOf<IncidentDetailJson>(await app.request(`${PATH}/${FIRING}?limit=1`));
  const { alerts, timeline, cursor, deliveries, rules, priority } = first.data;
  deepEqual(rules, ["Down"]);
  equal(priority, "P1");
  deepEqual(
    alerts.map(({ state, summary }) => `${state}: ${summary}`),
    ["firing: Down is bad"],
  );
  deepEqual(
    timeline.map(({ kind, detail }) => [kind, detail["comment"]]),
    [["commented", "looking"]],
  );
  equal(deliveries[0]?.integration, "team/webhook[0]");
  const next = await answerOf<IncidentDetailJson>(
    await app.request(`${PATH}/${FIRING}?limit=1&cursor=${cursor}`),
  );
  deepEqual(
    next.data.timeline.map(({ kind }) => kind),
    ["opened"],
  );
  equal(next.data.cursor, undefined);
});

test("incidents are listed by status, and a page after the other", async () => {
  const { app } = await filledWorld();
  const ids = async (query: string): Promise<string[]> => {
    const found: string[] = [];
    let cursor: string | undefined = "";
    while (cursor !== undefined) {
      const path: string = `${PATH}?limit=1&${query}&cursor=${cursor}`;
      const { data } = await answerOf<{ incidents: IncidentJson[]; cursor?: string }>(
        await app.request(path),
      );
      found.push(...data.incidents.map(({ id }) => id));
      cursor = data.cursor;
    }
    return found.sort();
  };
  deepEqual(await ids(""), [FIRING, ACKNOWLEDGED, RESOLVED].sort());
  deepEqual(await ids("status=open"), [FIRING, ACKNOWLEDGED].sort());
  deepEqual(await ids("status=resolved"), [RESOLVED]);
  deepEqual(await ids(`match[]=${encodeURIComponent('Down{instance="a"}')}&status=firing`), [
    FIRING,
  ]);
  deepEqual(await ids(`match[]=${encodeURIComponent('{instance="b"}')}`), []);
});

test("where the store fails, an acknowledgement is refused as such", async () => {
  const world = await filledWorld();
  world.incidents.store.beforeCommit = () => {
    throw new OperatingError("disk.full", "no space left");
  };
  const response = await world.app.request(`${PATH}/${FIRING}/acknowledge`, form({ by: "ann" }));
  equal(response.status, 507);
  equal((await world.incidents.archive.get(FIRING))?.status, "firing");
});

test("open incidents are a series each, and a staleness marker ends it", async () => {
  const clock = new SimClock(NOW_MS);
  const world = new IncidentWorld(clock);
  const book = await world.book;
  const written: string[] = [];
  const append = async ({ labelSets, values, stale }: SampleBatch) => {
    for (const [i, labels] of labelSets.entries())
      written.push(`${formatLabels(labels)} ${stale?.[i] === 1 ? "stale" : values[i]}`);
  };
  await using _series = new IncidentSeries({
    ...{ clock, append, live: () => book.live() },
    onProblem: (error) => written.push(error.message),
  });
  const id = await world.see("g", { alertname: "Down", severity: "critical" });
  await clock.advance(15_000);
  const own = 'alertname="Down", group="g", priority="P1", receiver="team", severity="critical"';
  deepEqual(written.splice(0), [`INCIDENTS{${own}, status="firing"} 1`]);
  await world.act(id, { kind: "acknowledge", by: "ann", comment: "", untilMs: null });
  await clock.advance(15_000);
  deepEqual(written.splice(0), [
    `INCIDENTS{${own}, status="acknowledged"} 1`,
    `INCIDENTS{${own}, status="firing"} stale`,
  ]);
  await world.act(id, { kind: "resolve", by: "ann", comment: "" });
  await clock.advance(30_000);
  deepEqual(written, [`INCIDENTS{${own}, status="acknowledged"} stale`]);
});

test("a group's label of a name that incidents have stands beside it", async () => {
  const world = new HttpWorld();
  const id = await world.incidents.see("g", { alertname: "Down" });
  const incident = await world.incidents.archive.get(id);
  ok(incident !== undefined && firingAlerts(incident).length === 1);
  const group = { ...incident.group, labels: [["status", "mine"]] as const };
  equal(
    formatLabels(incidentSeries({ ...incident, group })),
    'INCIDENTS{alertname="Down", exported_status="mine", priority="P3", receiver="team", status="firing"}',
  );
});
