import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { FakeServer } from "./fake-server.ts";
import { NOW_MS, openPage } from "./open-page.tsx";
import { ALERTS_V2, SILENCES } from "./samples.ts";

const ACTIVE_ID = SILENCES[1]?.id ?? "";
const server = () =>
  new FakeServer()
    .on("/api/v2/silences", ({ method }: { method: string }) =>
      method === "POST" ? { silenceID: "new-id" } : SILENCES,
    )
    .on(`/api/v2/silence/${ACTIVE_ID}`, ({ method }: { method: string }) =>
      method === "DELETE" ? {} : (SILENCES[1] ?? {}),
    )
    .on("/api/v2/alerts", ALERTS_V2);

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
    "activeteam=storageinstance!~db-.*backup window2026-11-21 14:00 in 2h" +
      "every Sunday, for 3h (Europe/Berlin)AnnExpire",
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

test("a new silence is prefilled by its URL, shows what it hides, and is sent as Alertmanager takes it", async () => {
  const fake = server();
  const page = await openPage(
    '/silences/new?tz=utc&matchers=team%3D"storage",instance%3D~"db-.*"&for=4h',
    fake,
  );
  const hidden = within(await screen.findByRole("region", { name: "Hidden now" }));
  await hidden.findByText("db-1 is 93% full");
  expect(fake.queriesOf("/api/v2/alerts").at(-1)?.getAll("filter")).toEqual([
    'team="storage"',
    'instance=~"db-.*"',
  ]);
  const button = screen.getByRole<HTMLButtonElement>("button", { name: "Silence" });
  expect(button.disabled).toBe(true);
  type("You are", "Ann");
  type("Why", "disks are replaced");
  fireEvent.click(button);
  await waitFor(() => expect(page.url()).toBe("/silences?tz=utc"));
  expect(fake.sentTo("/api/v2/silences")).toEqual([
    {
      matchers: [
        { name: "team", value: "storage", isRegex: false, isEqual: true },
        { name: "instance", value: "db-.*", isRegex: true, isEqual: true },
      ],
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

test("a silence that is there is changed under its id", async () => {
  localStorage.setItem("pharos.author", "Ben");
  const fake = server();
  await openPage(`/silences/${ACTIVE_ID}?tz=utc`, fake);
  await screen.findByDisplayValue("2026-11-21 14:00");
  type("Until (UTC)", "2026-11-21 16:00");
  fireEvent.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(fake.sentTo("/api/v2/silences")).toHaveLength(1));
  expect(fake.sentTo("/api/v2/silences")[0]).toMatchObject({
    id: ACTIVE_ID,
    createdBy: "Ben",
    startsAt: "2026-11-21T11:00:00.000Z",
    recurrence: { rrule: "FREQ=WEEKLY;BYDAY=SU", duration: "5h" },
  });
});
