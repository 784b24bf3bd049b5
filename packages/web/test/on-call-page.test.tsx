import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { calendarDays } from "../src/shift-calendar.ts";
import { timeBars } from "../src/time-bars.ts";
import { FakeServer, success } from "./fake-server.ts";
import { NOW_MS, openPage } from "./open-page.tsx";
import { HEARTBEATS, ONCALL, OVERRIDES, PAGE_PREVIEW, SHIFTS } from "./samples.ts";

const PRIMARY = "oncall/schedules/primary";
const server = () =>
  new FakeServer()
    .on("oncall", success(ONCALL))
    .on("heartbeats", success(HEARTBEATS))
    .on(`${PRIMARY}/shifts`, success(SHIFTS))
    .on(`${PRIMARY}/overrides`, success(OVERRIDES))
    .on(`${PRIMARY}/overrides/o1`, {});

test("who is on call, until when, and who comes next is said first", async () => {
  await openPage("/on-call?tz=utc", server());
  const schedule = within(await screen.findByRole("region", { name: "Schedule primary" }));
  const head = schedule.getByRole("heading", { name: "primary" }).parentElement;
  expect(head?.textContent).toBe(
    "primaryadastands inuntil 2026-11-22 08:00 in 20hthen graceBerlinCalendar fileStand in",
  );
  const bars = await schedule.findByRole("list", { name: "Who is on call in primary" });
  await waitFor(() =>
    expect([...bars.children].map((bar) => bar.firstElementChild?.textContent)).toEqual([
      "ada (stands in)",
      "grace",
      "nobody",
    ]),
  );
  const layer = await schedule.findByRole("list", { name: "Layer weekly of primary" });
  expect([...layer.children].map((bar) => bar.firstElementChild?.textContent)).toEqual(["grace"]);
});

test("who is called for an alert is asked here as well, and is in the URL", async () => {
  const fake = server().on("oncall/preview", success(PAGE_PREVIEW));
  const page = await openPage("/on-call?tz=utc", fake);
  const card = within(await screen.findByRole("region", { name: "Who is told" }));
  expect(card.queryByRole("heading", { name: "Now" })).toBeNull();
  const labels = card.getByRole("textbox", { name: "Labels of an alert" });
  fireEvent.change(labels, { target: { value: "severity=critical" } });
  await card.findByRole("heading", { name: "Now" });
  await card.findByText("ada (schedule primary)");
  expect(page.url()).toContain("labels=severity%3Dcritical");
  expect(fake.sentTo("oncall/preview").at(-1)).toEqual({ labels: { severity: "critical" } });
  fireEvent.change(labels, { target: { value: "" } });
  await waitFor(() => expect(card.queryByRole("heading", { name: "Now" })).toBeNull());
});

test("what is escalated to whom, and heartbeats that are missing, are shown", async () => {
  await openPage("/on-call", server());
  const policy = within(await screen.findByRole("article", { name: "critical" }));
  expect(policy.getAllByRole("listitem").map((step) => step.textContent)).toEqual([
    "at oncewhoever is on call in primary",
    "after 10mlead",
  ]);
  policy.getByText("again 2 times, after 1h");
  const heartbeats = within(await screen.findByRole("region", { name: "Heartbeats" }));
  heartbeats.getByText("missing for 2h");
});

test("somebody stands in, and that is taken back", async () => {
  localStorage.setItem("pharos.author", "grace");
  const fake = server();
  await openPage("/on-call?tz=utc", fake);
  fireEvent.click(await screen.findByRole("button", { name: "Stand in" }));
  const dialog = within(await screen.findByRole("dialog"));
  fireEvent.change(dialog.getByRole("textbox", { name: "From (UTC)" }), {
    target: { value: "2026-11-24 08:00" },
  });
  fireEvent.change(dialog.getByRole("textbox", { name: "Until (UTC)" }), {
    target: { value: "2026-11-25 08:00" },
  });
  fireEvent.click(dialog.getByRole("button", { name: "Stand in" }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(fake.sentTo(`${PRIMARY}/overrides`)).toEqual([
    {
      contact: "grace",
      start: "2026-11-24T08:00:00.000Z",
      end: "2026-11-25T08:00:00.000Z",
      by: "grace",
    },
  ]);
  fireEvent.click(screen.getByRole("button", { name: "Remove: ada stands in" }));
  await waitFor(() =>
    expect(
      fake.asked.some(
        ({ method, path }) => method === "DELETE" && path === `${PRIMARY}/overrides/o1`,
      ),
    ).toBe(true),
  );
});

test("without schedules the view says how to have some", async () => {
  const empty = { schedules: [], contacts: [], teams: [], policies: [] };
  const fake = new FakeServer()
    .on("oncall", success(empty))
    .on("heartbeats", success({ heartbeats: [] }));
  await openPage("/on-call", fake);
  await screen.findByText(/--oncall-config/);
});

test("the calendar's days begin at midnight of the zone, also where the clock is changed", () => {
  const days = calendarDays(Date.parse("2026-10-20T22:30:00Z"), "Europe/Berlin");
  expect(days).toHaveLength(14);
  expect(days[0]?.text).toBe("21 Oct");
  const hours = days.map(({ startsAtMs, endsAtMs }) => (endsAtMs - startsAtMs) / 3_600_000);
  expect(hours.filter((length) => length === 25)).toEqual([25]);
  expect(hours[4]).toBe(25);
  expect(days.map(({ text }) => text).at(11)).toBe("1 Nov");
});

test("shifts that reach beyond the calendar are cut off, and those outside are not there", () => {
  const shift = (startsAtMs: number, endsAtMs: number) => ({
    startsAtMs: NOW_MS + startsAtMs,
    endsAtMs: NOW_MS + endsAtMs,
  });
  const bars = timeBars(
    [shift(-50, 0), shift(-50, 25), shift(25, 50), shift(50, 150), shift(150, 200)],
    NOW_MS,
    NOW_MS + 100,
  );
  expect(bars.map(({ leftPercent, widthPercent }) => [leftPercent, widthPercent])).toEqual([
    [0, 25],
    [25, 25],
    [50, 50],
  ]);
});
