import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import type { OnCallJson, PagePreviewJson, shiftListSchema } from "@pharos/api";
import { labelsFrom } from "@pharos/base";
import type { z } from "zod";
import { HttpWorld, NOW_MS } from "./http-world.ts";
import { addOnCall } from "./oncall-world.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const time = (ms: number): string => new Date(ms).toISOString();

async function ask<T>(world: HttpWorld, path: string, body?: object): Promise<T> {
  const response = await world.app.request(
    `/api/v1/${path}`,
    body === undefined ? {} : { method: "POST", body: JSON.stringify(body) },
  );
  const { data, error = "" } = (await response.json()) as { data: T; error?: string };
  equal(response.status, 200, error);
  return data;
}

function critical(name: string, labels: Record<string, string> = {}) {
  return {
    labels: labelsFrom({ alertname: name, severity: "critical", ...labels }),
    annotations: [],
    startsAtMs: NOW_MS,
    endsAtMs: null,
    generatorUrl: "",
  };
}

test("who stands in for somebody is on call at once, and is called", async () => {
  const world = new HttpWorld();
  await using oncall = await addOnCall(world);
  const before = await ask<OnCallJson>(world, "oncall");
  const usual = before.schedules[0]?.now?.contact;
  const other = usual === "ada" ? "bob" : "ada";
  equal(before.schedules[0]?.now?.layer, "weekly");

  const override = { contact: other, start: time(NOW_MS), end: time(NOW_MS + HOUR_MS), by: "ann" };
  const { id } = await ask<{ id: string }>(world, "oncall/schedules/primary/overrides", override);
  const during = await ask<OnCallJson>(world, "oncall");
  deepEqual(during.schedules[0]?.now, { contact: other, layer: null, override: id });
  equal(during.schedules[0]?.until, time(NOW_MS + HOUR_MS));
  equal(during.schedules[0]?.next?.onDuty?.contact, usual);
  const asked = `oncall/schedules/primary/shifts?start=${NOW_MS / 1000}&end=${NOW_MS / 1000 + 60}`;
  const list = await ask<z.output<typeof shiftListSchema>>(world, asked);
  equal(list.shifts[0]?.onDuty?.contact, other);
  deepEqual(
    list.layers.map(({ name, shifts }) => [name, shifts.map(({ onDuty }) => onDuty?.contact)]),
    [["weekly", [usual]]],
    "a layer is shown as it would be without",
  );

  await oncall.dispatcher.update([critical("Down")]);
  await world.clock.advance(1000);
  deepEqual(
    oncall.told.map(({ receiver }) => receiver),
    [`oncall/${other}`],
  );
  const [page] = oncall.told;
  deepEqual(page?.outgoing.notification.context?.escalation, {
    policy: "critical",
    step: 1,
    reason: "not acknowledged",
  });
  const { acknowledgeUrl } = page?.outgoing.notification.context?.incident ?? {};
  equal(acknowledgeUrl, `http://p.test/${other}`, "the link says who was called, not how");

  await world.app.request(`/api/v1/oncall/schedules/primary/overrides/${id}`, {
    method: "DELETE",
  });
  const after = await ask<OnCallJson>(world, "oncall");
  equal(after.schedules[0]?.now?.contact, usual);
  deepEqual(world.bugs, []);
});

test("a preview names routes, who is called when, and what hides it", async () => {
  const world = new HttpWorld();
  await using oncall = await addOnCall(world);
  const labels = { alertname: "Down", severity: "critical" };
  const { times } = await ask<PagePreviewJson>(world, "oncall/preview", { labels });
  deepEqual(
    times.map(({ at, told }) => [at, told]),
    [
      [time(NOW_MS), true],
      [time(NOW_MS + HOUR_MS), true],
    ],
  );
  deepEqual(times[0]?.routes, [
    {
      ...{ key: "{}", receiver: "team", integrations: ["team/webhook[0]"] },
      ...{ groupWait: "30s", mutedBy: [] },
    },
  ]);
  deepEqual(
    times[0]?.escalation?.steps.map(({ at, receivers }) => [at, receivers.length]),
    [
      [time(NOW_MS), 1],
      [time(NOW_MS + 10 * MINUTE_MS), 1],
    ],
  );

  const night = await ask<PagePreviewJson>(world, "oncall/preview", {
    labels: { ...labels, team: "night" },
  });
  deepEqual(night.times[0]?.routes[0]?.mutedBy, ["always"]);
  deepEqual([night.times[0]?.told, night.times[0]?.escalation], [false, null]);

  // A silence that is over in an hour.
  const silence = await ask<{ id: string }>(world, "silences", {
    ...{ matchers: ["alertname=Down"], createdBy: "ann" },
    endsAt: time(NOW_MS + 30 * MINUTE_MS),
  });
  const silenced = await ask<PagePreviewJson>(world, "oncall/preview", { labels });
  deepEqual(
    silenced.times.map(({ told, silencedBy }) => [told, silencedBy]),
    [
      [false, [silence.id]],
      [true, []],
    ],
  );
  equal(oncall.told.length, 0, "nobody was told");
});

test("a silence that recurs says when it hides alerts next, and what it would hide now can be asked before", async () => {
  const world = new HttpWorld();
  await using oncall = await addOnCall(world);
  await oncall.dispatcher.update([critical("Down"), critical("Slow")]);
  const preview = await ask<{ total: number; count: number; alerts: { labels: object }[] }>(
    world,
    "silences/preview",
    { matchers: ["alertname=Down"] },
  );
  deepEqual([preview.total, preview.count], [2, 1]);
  deepEqual(preview.alerts[0]?.labels, { alertname: "Down", severity: "critical" });

  const startsAt = NOW_MS + HOUR_MS;
  const recurrence = { rrule: "FREQ=DAILY;INTERVAL=2", duration: "2h", timeZone: "UTC" };
  const draft = { matchers: ["alertname=Down"], startsAt: time(startsAt), recurrence };
  const { windows } = await ask<{ windows: object[] }>(world, "silences/preview", {
    ...draft,
    endsAt: time(startsAt + 97 * HOUR_MS),
  });
  deepEqual(windows, [
    { startsAt: time(startsAt), endsAt: time(startsAt + 2 * HOUR_MS) },
    { startsAt: time(startsAt + 48 * HOUR_MS), endsAt: time(startsAt + 50 * HOUR_MS) },
    { startsAt: time(startsAt + 96 * HOUR_MS), endsAt: time(startsAt + 97 * HOUR_MS) },
  ]);
  const forever = { ...draft, endsAt: time(startsAt + 10_000 * HOUR_MS) };
  const many = await ask<{ windows: object[] }>(world, "silences/preview", forever);
  equal(many.windows.length, 5, "the first ones");
  const kept = await ask<{ id: string; status: object; window: object }>(world, "silences", {
    matchers: ["alertname=Down"],
    startsAt: time(startsAt),
    endsAt: time(NOW_MS + 90 * 24 * HOUR_MS),
    createdBy: "ann",
    recurrence: { rrule: "FREQ=DAILY", duration: "2h", timeZone: "UTC" },
  });
  deepEqual(kept.status, { state: "pending" });
  deepEqual(kept.window, { startsAt: time(startsAt), endsAt: time(startsAt + 2 * HOUR_MS) });
  await world.clock.advance(25 * HOUR_MS);
  const [silence] = [...oncall.silences.list()];
  deepEqual(oncall.silences.silencedBy(critical("Down").labels, world.clock.nowMs()), [
    silence?.id,
  ]);
});

test("what stays away longer than it may fires an alert, until it is heard of again", async () => {
  const world = new HttpWorld();
  await using oncall = await addOnCall(world);
  const missing = (): string[] =>
    oncall.dispatcher
      .alerts()
      .map(({ alert }) => alert.labels.map(([name, value]) => `${name}=${value}`).join());
  const beat = () => world.app.request("/api/v1/heartbeats/backup", { method: "POST" });
  equal((await beat()).status, 200);
  await world.clock.advance(50 * MINUTE_MS);
  equal((await beat()).status, 200);
  await world.clock.advance(59 * MINUTE_MS);
  deepEqual(missing(), []);
  await world.clock.advance(2 * MINUTE_MS);
  deepEqual(missing(), ["alertname=HeartbeatMissing,heartbeat=backup,severity=critical"]);
  // A clock that is set does not make anything late, nor in time.
  await beat();
  world.clock.jumpWall(24 * HOUR_MS);
  await world.clock.advance(MINUTE_MS);
  deepEqual(missing(), []);
  deepEqual(world.bugs, []);
});

test("an alert that must keep firing is a heartbeat", async () => {
  const world = new HttpWorld();
  await using oncall = await addOnCall(
    world,
    "dead_mans_switch: {expect: [{name: other, matchers: ['alertname=Watchdog'], within: 10m}]}",
  );
  const watchdog = { ...critical("Watchdog"), startsAtMs: NOW_MS };
  for (let minute = 0; minute < 30; minute++) {
    await oncall.dispatcher.post([{ labels: watchdog.labels, annotations: [], generatorUrl: "" }]);
    await world.clock.advance(MINUTE_MS);
  }
  const names = (): string[] =>
    oncall.dispatcher.alerts().flatMap(({ alert }) => alert.labels.slice(0, 1).map(([, v]) => v));
  deepEqual(names(), ["Watchdog"]);
  await world.clock.advance(30 * MINUTE_MS);
  deepEqual(names(), ["HeartbeatMissing"]);
});

test("somebody outside hears again and again that we are alive", async () => {
  const world = new HttpWorld();
  await using oncall = await addOnCall(
    world,
    "dead_mans_switch: {send: {receivers: [team], every: 5m}}",
  );
  await world.clock.advance(HOUR_MS);
  const beats = oncall.told.map(({ outgoing }) => outgoing);
  ok(beats.length >= 12 && beats.length <= 13, `${beats.length} in an hour`);
  equal(new Set(beats.map(({ idempotencyKey }) => idempotencyKey)).size, beats.length);
  deepEqual(beats[0]?.notification.groupLabels, [["alertname", "Watchdog"]]);
  deepEqual(new Set(beats.map(({ notification }) => notification.reason)), new Set(["heartbeat"]));
});

test("before a silence ends that hides something, somebody is told, once", async () => {
  const world = new HttpWorld();
  await using oncall = await addOnCall(world, "silence_reminder: {receivers: [team], before: 15m}");
  await oncall.dispatcher.update([critical("Down")]);
  for (const name of ["Down", "Nothing"])
    await ask(world, "silences", {
      ...{ matchers: [`alertname=${name}`], createdBy: "ann", comment: "new disk" },
      endsAt: time(NOW_MS + 2 * HOUR_MS),
    });
  await world.clock.advance(104 * MINUTE_MS);
  equal(oncall.told.length, 0);
  await world.clock.advance(10 * MINUTE_MS);
  equal(oncall.told.length, 1);
  const [alert] = oncall.told[0]?.outgoing.notification.alerts ?? [];
  match(
    alert?.annotations[0]?.[1] ?? "",
    /^A silence of ann \(new disk\) ends in 15m; 1 alert fires behind it\.$/,
  );
});

test("calendars can subscribe to a schedule", async () => {
  const world = new HttpWorld();
  await using _ = await addOnCall(world);
  const response = await world.app.request("/api/v1/oncall/schedules/primary/calendar.ics");
  const text = await response.text();
  equal(response.headers.get("Content-Type"), "text/calendar; charset=utf-8");
  match(text, /^BEGIN:VCALENDAR\r\n.*END:VCALENDAR\r\n$/s);
  const events = [...text.matchAll(/DTSTART:(\w+)\r\nDTEND:(\w+)\r\nSUMMARY:(\w+) on call/g)];
  equal(events.length, 13, "twelve weeks, from the middle of one on");
  for (const [i, [, start]] of events.entries())
    if (i > 0) equal(start, events[i - 1]?.[2], "one begins where the other ends");
});

test("a change of who is on call from a page of another site is refused", async () => {
  const world = new HttpWorld();
  await using _ = await addOnCall(world);
  for (const [method, path] of [
    ["POST", "oncall/schedules/primary/overrides"],
    ["DELETE", "oncall/schedules/primary/overrides/x"],
    ["POST", "heartbeats/backup"],
    ["POST", "silences"],
  ] as const) {
    const headers = { Origin: "http://elsewhere.test" };
    const response = await world.app.request(`/api/v1/${path}`, { method, headers });
    equal(response.status, 403, path);
  }
});
