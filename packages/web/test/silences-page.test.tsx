import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { FakeServer, success } from "./fake-server.ts";
import { NOW_MS, openPage } from "./open-page.tsx";
import { KEPT_SILENCE, SILENCE_PREVIEW, SILENCES } from "./samples.ts";

const ACTIVE_ID = SILENCES[1]?.id ?? "";
const server = () =>
  new FakeServer()
    .on("/api/v2/silences", SILENCES)
    .on("silences", success(KEPT_SILENCE))
    .on("silences/preview", success(SILENCE_PREVIEW))
    .on(`/api/v2/silence/${ACTIVE_ID}`, ({ method }: { method: string }) =>
      method === "DELETE" ? {} : (SILENCES[1] ?? {}),
    );

function field(name: string): HTMLInputElement {
  return screen.getByRole<HTMLInputElement>("textbox", { name });
}

function type(name: string, value: string): void {
  fireEvent.change(field(name), { target: { value } });
}

test("what is silenced is shown with who, why and until when; what is over only when asked for", async () => {
  const page = await openPage("/silences?tz=utc", server());
  const [, row, more] = await screen.findAllByRole("row");
  expect(more).toBeUndefined();
  expect(row?.textContent).toBe(
    "activeteam=storageinstance!~db-.*backup windowevery Sunday" +
      "for 3h, from 12:00 on (Berlin), the last time 2027-11-21AnnExpire",
  );
  fireEvent.click(screen.getByRole("button", { name: "Expired 1" }));
  await waitFor(() => expect(page.url()).toBe("/silences?state=expired&tz=utc"));
  const again = await screen.findByRole("link", { name: "Again" });
  expect(again.getAttribute("href")).toContain("matchers=service%3D%22checkout%22&for=1h");
});

test("expiring asks first", async () => {
  const fake = server();
  await openPage("/silences", fake);
  fireEvent.click(await screen.findByRole("button", { name: "Expire" }));
  const dialog = within(await screen.findByRole("dialog"));
  dialog.getByText('{team="storage",instance!~"db-.*"}');
  fireEvent.click(dialog.getByRole("button", { name: "Expire" }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(
    fake.asked.some(({ method, path }) => method === "DELETE" && path.endsWith(ACTIVE_ID)),
  ).toBe(true);
});

test("a new silence is prefilled by its URL, shows what it hides, and is sent", async () => {
  const fake = server();
  const page = await openPage(
    '/silences/new?tz=utc&matchers=team%3D"storage",instance%3D~"db-.*"&for=4h',
    fake,
  );
  const hidden = within(await screen.findByRole("region", { name: "Hidden now" }));
  await hidden.findByText("1 of 7 alerts");
  hidden.getByText("silenced already");
  const matchers = [
    { name: "team", value: "storage", isRegex: false, isEqual: true },
    { name: "instance", value: "db-.*", isRegex: true, isEqual: true },
  ];
  expect(fake.sentTo("silences/preview").at(-1)).toEqual({ matchers });
  const button = screen.getByRole<HTMLButtonElement>("button", { name: "Silence" });
  expect(button.disabled).toBe(true);
  type("You are", "Ann");
  type("Why", "disks are replaced");
  fireEvent.click(button);
  await waitFor(() => expect(page.url()).toBe("/silences?tz=utc"));
  expect(fake.sentTo("silences")).toEqual([
    {
      matchers,
      startsAt: new Date(NOW_MS).toISOString(),
      endsAt: new Date(NOW_MS + 4 * 3_600_000).toISOString(),
      createdBy: "Ann",
      comment: "disks are replaced",
    },
  ]);
});

test("a silence that would hide everything, or nothing, cannot be sent", async () => {
  await openPage("/silences/new", server());
  await screen.findByText("Say which alerts: at least one label.");
  type("Label", "team");
  await screen.findByText(/everything is hidden/);
  type("Value of team", "a(");
  fireEvent.change(screen.getByRole("combobox", { name: "How team is compared" }), {
    target: { value: "=~" },
  });
  await screen.findByText("team: this is no regular expression.");
});

test("a silence that is there is changed under its id, and goes on recurring", async () => {
  localStorage.setItem("pharos.author", "Ben");
  const fake = server();
  await openPage(`/silences/${ACTIVE_ID}?tz=utc`, fake);
  await screen.findByDisplayValue("2026-11-21 14:00");
  type("Until (UTC)", "2026-11-21 16:00");
  fireEvent.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(fake.sentTo("silences")).toHaveLength(1));
  expect(fake.sentTo("silences")[0]).toMatchObject({
    id: ACTIVE_ID,
    createdBy: "Ben",
    startsAt: "2026-11-21T11:00:00.000Z",
    endsAt: "2027-11-21T11:00:00.000Z",
    recurrence: { rrule: "FREQ=WEEKLY;BYDAY=SU", duration: "5h" },
  });
});

test("a silence that recurs says its rule, how long each time, and when it is over for good", async () => {
  localStorage.setItem("pharos.author", "Ben");
  const fake = server();
  await openPage("/silences/new?tz=utc&matchers=a%3Db&comment=backup", fake);
  type("From (UTC)", "2026-11-22 02:00");
  fireEvent.click(screen.getByRole("button", { name: "4h" }));
  fireEvent.click(screen.getByRole("button", { name: "Every week" }));
  expect(field("Until (UTC)").value).toBe("2026-11-22 06:00");
  type("For the last time until (UTC)", "2026-11-22 05:00");
  await screen.findByText(/at least until its first end/);
  type("For the last time until (UTC)", "2026-12-31");
  const windows = within(await screen.findByRole("region", { name: "When it hides" }));
  await waitFor(() =>
    expect(windows.getAllByRole("listitem").map(({ textContent }) => textContent)).toEqual([
      "Sun 2026-11-22 02:00 to 2026-11-22 06:00",
      "Sun 2026-11-29 02:00 to 2026-11-29 06:00",
    ]),
  );
  expect(fake.sentTo("silences/preview").at(-1)).toMatchObject({
    startsAt: "2026-11-22T02:00:00.000Z",
    endsAt: "2026-12-31T00:00:00.000Z",
    recurrence: { rrule: "FREQ=WEEKLY", duration: "4h", timeZone: "UTC" },
  });
  fireEvent.click(screen.getByRole("button", { name: "Silence" }));
  await waitFor(() => expect(fake.sentTo("silences")).toHaveLength(1));
  expect(fake.sentTo("silences")[0]).toMatchObject({
    startsAt: "2026-11-22T02:00:00.000Z",
    endsAt: "2026-12-31T00:00:00.000Z",
    recurrence: { rrule: "FREQ=WEEKLY", duration: "4h", timeZone: "UTC" },
  });
});
